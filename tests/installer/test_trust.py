"""What others could have put there is neither run nor believed."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import filesystem

from .making import package

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .machine import Machine

pytestmark = pytest.mark.needs("root", "Linux")

NOBODY = 65534


def belongs_to_another(path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


def open_to_all(path: Path) -> None:
    path.chmod(0o777)


def open_to_a_group(path: Path) -> None:
    os.chown(path, 0, NOBODY)
    path.chmod(0o775)


OPEN: dict[Callable[[Path], None], str] = {
    belongs_to_another: "belongs to nobody",
    open_to_all: "can be written to by everybody",
    open_to_a_group: "can be written to by the group nogroup",
}


@pytest.fixture
def planted(machine: Machine) -> Machine:
    """A machine on which a change is under way, which a tool of another version began."""
    machine.install("1.4.2")
    tool = f"open({str(machine.folder / 'ran')!r}, 'w')\n".encode()
    (machine.prefix / "state/tool").write_bytes(tool)
    machine.write("state/transaction.json", f'{{"tool": "{filesystem.of_bytes(tool)}"}}')
    return machine


def has_run(machine: Machine) -> bool:
    return (machine.folder / "ran").exists()


@pytest.mark.parametrize("opened", OPEN, ids=lambda opened: opened.__name__)
@pytest.mark.parametrize(
    "path", ["", "opt", "opt/greenhouse", "opt/greenhouse/state", "opt/greenhouse/state/tool"]
)
def test_a_tool_that_others_could_exchange_is_not_run(
    planted: Machine, path: str, opened: Callable[[Path], None]
) -> None:
    opened(planted.root / path)
    outcome = planted.run("recover", "greenhouse")
    assert (outcome.code, has_run(planted)) == (3, False)
    assert outcome.err.startswith(
        "provision: /opt/greenhouse/state/tool: this tool began a change and must end it, but is"
        f" not run, since {'/' + path if path else ''} {OPEN[opened]}; "
    )


@pytest.mark.parametrize("command", ["install", "rollback", "uninstall", "gc"])
def test_nor_by_any_other_command(planted: Machine, command: str) -> None:
    belongs_to_another(planted.root)
    what = package(planted.folder, "1.5.0") if command == "install" else "greenhouse"
    assert planted.run(command, what).code == 3
    assert not has_run(planted)


BY_LIST = {
    ("u:nobody:rwx",): "can be written to by nobody, as its ACL says",
    ("g:nogroup:rwx",): "can be written to by the group nogroup, as its ACL says",
    ("u:nobody:rx", "g:nogroup:rwx"): "can be written to by the group nogroup, as its ACL says",
}


def listed(path: Path, *entries: str) -> None:
    """Give something an access control list, of which its mode shows what bounds it."""
    subprocess.run(["setfacl", "-m", ",".join(entries), str(path)], check=True)


@pytest.mark.parametrize("entries", BY_LIST, ids=" ".join)
@pytest.mark.parametrize("path", ["", "opt/greenhouse", "opt/greenhouse/state/tool"])
def test_whom_a_list_lets_write_counts_too(
    planted: Machine, path: str, entries: tuple[str, ...]
) -> None:
    listed(planted.root / path, *entries)
    outcome = planted.run("recover", "greenhouse")
    assert (outcome.code, has_run(planted)) == (3, False)
    assert f" since {'/' + path if path else ''} {BY_LIST[entries]}; " in outcome.err


@pytest.mark.parametrize(
    "entries",
    [
        ("u:nobody:rx",),
        ("u:nobody:rx", "g::rx", "m::rwx"),
        ("u:root:rwx",),
        ("g:root:rwx",),
        ("u:nobody:rwx", "m::rx"),  # chmod g-w has done that
    ],
    ids=" ".join,
)
def test_a_list_that_lets_nobody_write_but_us_is_none(
    planted: Machine, entries: tuple[str, ...]
) -> None:
    for path in ("", "opt/greenhouse", "opt/greenhouse/state/tool"):
        listed(planted.root / path, *entries)
    assert planted.run("recover", "greenhouse").code == 2  # it has ended nothing
    assert has_run(planted)


def test_a_directory_above_the_root_counts_too(planted: Machine) -> None:
    belongs_to_another(planted.folder)
    assert planted.run("recover", "greenhouse").code == 3
    assert not has_run(planted)


@pytest.mark.parametrize("path", ["opt/greenhouse/state", "opt/greenhouse/state/tool"])
def test_nor_is_what_a_link_leads_to(planted: Machine, path: str) -> None:
    there = planted.root / path
    there.rename(planted.folder / "moved")
    there.symlink_to(planted.folder / "moved")
    planted.run("recover", "greenhouse")
    assert not has_run(planted)


def test_what_is_ours_alone_is_run(planted: Machine) -> None:
    planted.root.chmod(0o1777)  # where none but root takes away what is root's
    assert planted.run("recover", "greenhouse").code == 2  # it has ended nothing
    assert has_run(planted)


def test_a_registry_of_others_leads_nowhere_else(machine: Machine) -> None:
    outside = machine.folder / "outside"
    outside.mkdir()
    (outside / "current").symlink_to("releases/1.0-01234567")
    (machine.root / "var/lib/provisioning").mkdir(parents=True)
    (machine.root / "var/lib/provisioning/greenhouse").symlink_to("../../../../outside")
    for command in ("status", "uninstall", "recover"):
        assert machine.run(command, "greenhouse").code == 2
    assert machine.run("list") == (0, "", "")
    told = machine.run("recover", "--prefix", "/../outside").err
    assert told == "provision: /outside: No such file or directory\n"
    assert [*outside.iterdir()] == [outside / "current"]
