"""What a path beside the releases was and becomes: file, link or directory, and no edit is lost."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.service_files import BOOT
from tests.artifact.making import directory, file, link
from tests.cells import Cell, cells

from .kills import After, At, ended_at
from .making import conf, package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.artifact.making import Item

    from .machine import Machine

STATES = ("untouched", "edited", "deleted", "linked", "made")

# What a path was, what it is in the new release, and what lies below the prefix then: where nobody
# touched it; where somebody edited it (or what is in it), deleted it, put a link there, or a
# directory. Behind a comma: what lies beside it; and a mark (!) where something is told.
TABLE = """\
absent   conffile two | mine, new two! | - | →users, new two! | {mine}, new two!
absent   empty    {} | {}, old mine! | - | →users | {mine}
file     conffile two | - | - | - | -
file     empty    {} | - | - | - | -
conffile absent   nothing | mine! | nothing | →users! | {mine}!
conffile file     nothing | mine! | nothing | →users! | {mine}!
conffile conffile two | mine, new two! | nothing | →users, new two! | {mine}, new two!
conffile link     nothing | mine! | nothing | →users! | {mine}!
conffile empty    {} | {}, old mine! | {} | {}, old →users! | {mine}
conffile full     nothing | mine! | nothing | →users! | {mine}!
link     conffile two | - | - | - | -
link     empty    {} | - | - | - | -
empty    absent   {} | {mine}! | nothing | →users! | {mine}!
empty    file     {} | {mine}! | nothing | →users! | {mine}!
empty    conffile two | {mine}, new two! | two | →users, new two! | {mine}, new two!
empty    link     {} | {mine}! | nothing | →users! | {mine}!
empty    empty    {} | {mine} | {} | →users | {mine}
empty    full     {} | {mine}! | nothing | →users! | {mine}!
full     conffile two | - | - | - | -
full     empty    {} | - | - | - | -
"""

WANTED = cells(TABLE, STATES)


def held(kind: str, path: str, text: str) -> list[Item]:
    """What a release has that has something of this kind at a path."""
    content = f"{text}\n".encode()
    return {
        "absent": [],
        "file": [file(path, content)],
        "conffile": [conf(path, content)],
        "link": [link(path, "other")],
        "empty": [directory(path)],
        "full": [directory(path), file(f"{path}/in", content)],
    }[kind]


def act(path: Path, cell: Cell) -> None:
    """Do to a path what its user did."""
    if cell.state == "edited" and cell.old == "empty":
        (path / "mine").touch()
        return
    if cell.state != "untouched" and path.is_dir():
        shutil.rmtree(path)
    elif cell.state != "untouched":
        path.unlink(missing_ok=True)
    if cell.state == "linked":
        path.symlink_to("users")
    elif cell.state == "made":
        path.mkdir()
        (path / "mine").touch()
    elif cell.state == "edited":
        path.write_text("mine\n")


def seen(path: Path) -> str:
    """What lies at a path, in a few words."""
    if path.is_symlink():
        return f"→{os.readlink(path)}"
    if path.is_dir():
        return f"{{{' '.join(sorted(os.listdir(path)))}}}"
    return path.read_text().strip() if path.exists() else "nothing"


def live(machine: Machine) -> dict[str, str]:
    """What lies beside the releases."""
    place = machine.prefix / "t"
    return {path.name: seen(path) for path in sorted(place.iterdir())}


def edits(machine: Machine) -> list[str]:
    """All that somebody has made, wherever it lies."""
    return sorted(text for text in live(machine).values() if text in {"mine", "{mine}", "→users"})


def outcome(machine: Machine, cell: Cell, told: str) -> str:
    """What has become of a cell, in the words of the table."""
    path = machine.prefix / cell.path
    words = [seen(path)]
    words += (
        f"{each.suffix[1:]} {seen(each)}" for each in sorted(path.parent.glob(f"{path.name}.*"))
    )
    return ", ".join(words) + "!" * (f"warning: {cell.path}: " in told)


def release(machine: Machine, version: str, kinds: Iterable[tuple[Cell, str]], text: str) -> str:
    """Pack a release that has what cells have, and return its path."""
    items = [item for cell, kind in kinds for item in held(kind, cell.path, text)]
    top = [directory("t"), conf("t/always", b"same\n"), *items]
    return str(package(machine.folder, version, [file("VERSION", version.encode()), *top]))


@pytest.fixture
def edited(machine: Machine) -> str:
    """Have a release installed, and what lies beside it changed in all ways: the next release."""
    old = release(machine, "1.0", ((cell, cell.old) for cell in WANTED), "one")
    assert machine.run("install", old).code == 0
    for cell in WANTED:
        act(machine.prefix / cell.path, cell)
    return release(machine, "2.0", ((cell, cell.new) for cell in WANTED), "two")


def found(machine: Machine, told: str) -> dict[Cell, str]:
    return {cell: outcome(machine, cell, told) for cell in WANTED}


def test_an_upgrade_does_what_the_table_says(machine: Machine, edited: str) -> None:
    assert found(machine, machine.run("install", edited).err) == WANTED


def test_so_does_an_installation_after_a_removal(machine: Machine, edited: str) -> None:
    machine.run("uninstall", "greenhouse")
    assert found(machine, machine.run("install", edited).err) == WANTED


def test_each_link_of_a_release_leads_to_what_it_needs(machine: Machine, edited: str) -> None:
    machine.run("install", edited)
    for cell, wanted in WANTED.items():
        if cell.new == "empty" and not wanted.startswith("→"):
            assert (machine.prefix / "current" / cell.path).is_dir(), cell


def own(machine: Machine) -> dict[str, str]:
    """What lies beside the releases, but for empty directories and what is the vendor's."""
    lies = live(machine).items()
    return {name: text for name, text in lies if text != "{}" and not name.endswith(".new")}


def test_a_rollback_brings_back_what_was_there_and_another_what_was_then(
    machine: Machine, edited: str
) -> None:
    before = own(machine)
    machine.run("install", edited)
    after = own(machine)
    for expected in (before, after) * 2:
        assert machine.run("rollback", "greenhouse").code == 0
        assert own(machine) == expected


def test_what_was_switched_and_is_undone_leaves_all_as_it_was(
    machine: Machine, edited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live(machine)
    words = ["install", edited, "--root", str(machine.root)]
    assert ended_at(After("current"), words) == -signal.SIGKILL
    monkeypatch.setenv(BOOT, "1")
    assert "was undone" in machine.run("recover", "--prefix", "/opt/greenhouse").out
    assert live(machine) == before


def _killed(machine: Machine, edited: str, numbers: Iterable[int]) -> None:
    made = edits(machine)
    for number in numbers:
        words = ["install", edited, "--root", str(machine.root)]
        if ended_at(At(number), words) == 0:
            break
        assert edits(machine) == made
        machine.run("recover", "greenhouse")
        assert edits(machine) == made
    machine.run("install", edited)
    assert {cell: text.rstrip("!") for cell, text in found(machine, "").items()} == {
        cell: text.rstrip("!") for cell, text in WANTED.items()
    }


def test_some_kills_lose_no_edit(machine: Machine, edited: str) -> None:
    _killed(machine, edited, range(60, 900, 90))


def test_a_file_and_a_directory_of_files_take_turns(machine: Machine) -> None:
    one = [directory("etc"), conf("etc/a", b"one\n")]
    two = [directory("etc"), directory("etc/a"), conf("etc/a/b", b"two\n")]
    releases = {"1.0": "etc/a", "2.0": "etc/a/b", "3.0": "etc/a"}
    for version, path in releases.items():
        assert machine.install(version, one if path == "etc/a" else two).err == ""
        assert (machine.prefix / path).is_file()
    for version in ("2.0", "1.0", "2.0", "3.0"):
        assert machine.run("rollback", "greenhouse", version).err == ""
        assert (machine.prefix / releases[version]).is_file()


def test_an_edited_file_makes_way_for_a_directory_of_files(machine: Machine) -> None:
    machine.install("1.0", [directory("etc"), conf("etc/a", b"one\n")])
    machine.write("etc/a", "mine\n")
    two = [directory("etc"), directory("etc/a"), conf("etc/a/b", b"two\n")]
    warning = "provision: warning: etc/a: edited, so kept as etc/a.old, where it has no effect\n"
    assert machine.install("2.0", two).err == warning
    assert (machine.read("etc/a/b"), machine.read("etc/a.old")) == ("two\n", "mine\n")
    machine.run("rollback", "greenhouse")
    assert (machine.read("etc/a"), machine.read("etc/a.old")) == ("mine\n", None)
    machine.write("etc/a.old", "older\n")
    assert machine.install("2.0", two) == (
        3,
        "",
        "provision: /opt/greenhouse/etc/a.old: is in the way of an edited file; move it away\n",
    )


def test_an_edited_file_in_a_directory_that_becomes_one_is_kept(machine: Machine) -> None:
    machine.install("1.0", [directory("etc"), directory("etc/a"), conf("etc/a/b", b"one\n")])
    machine.write("etc/a/b", "mine\n")
    told = machine.install("2.0", [directory("etc"), conf("etc/a", b"two\n")]).err
    assert "etc/a: edited, so kept; the new version is in etc/a.new\n" in told
    assert "etc/a/b: edited, so kept, but without effect" in told
    assert (machine.read("etc/a/b"), machine.read("etc/a.new")) == ("mine\n", "two\n")


@pytest.mark.sweep
def test_no_kill_loses_an_edit(
    machine: Machine, edited: str, injected: Callable[[str], None]
) -> None:
    for number in range(1, 2000):
        before = edits(machine)
        words = ["install", edited, "--root", str(machine.root)]
        if ended_at(At(number), words) == 0:
            break
        injected("kills")
        machine.run("recover", "greenhouse")
        assert edits(machine) == before
        machine.run("rollback", "greenhouse")
