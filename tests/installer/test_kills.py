"""A process that is killed, or asked to end: at each change to the disk, and what holds then."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.installer.cli.command_line import main

from .kills import At, ended_at
from .machine import Machine, listing
from .making import items, package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def first(machine: Machine) -> list[str]:
    return ["install", str(package(machine.folder, "1.4.2"))]


def upgrade(machine: Machine) -> list[str]:
    machine.install("1.4.2")
    return ["install", str(package(machine.folder, "1.5.0", items("1.5.0", b"port = 9\n")))]


def edited(machine: Machine) -> list[str]:
    machine.install("1.4.2")
    machine.write("etc/greenhouse.ini", "mine\n")
    return ["install", str(package(machine.folder, "1.5.0", items("1.5.0", b"port = 9\n")))]


def repair(machine: Machine) -> list[str]:
    machine.install("1.4.2")
    (machine.prefix / "current/VERSION").unlink()
    return ["install", str(package(machine.folder, "1.4.2"))]


def rollback(machine: Machine) -> list[str]:
    machine.run(*upgrade(machine))
    return ["rollback", "greenhouse"]


def fourth(machine: Machine) -> list[str]:
    for version in ("1", "2", "3"):
        machine.install(version)
    return ["install", str(package(machine.folder, "4", items("4", None)))]


def uninstall(machine: Machine) -> list[str]:
    machine.run(*upgrade(machine))
    return ["uninstall", "/opt/greenhouse"]


def purge(machine: Machine) -> list[str]:
    return [*uninstall(machine), "--purge"]


def purge_left(machine: Machine) -> list[str]:
    machine.run(*uninstall(machine))
    return ["uninstall", "--purge", "greenhouse"]


@pytest.fixture
def in_memory(capsys: pytest.CaptureFixture[str]) -> Iterator[Machine]:
    """A machine whose disk costs no time: what is to survive a kill has not to be on a disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Machine(Path(folder), capsys)


REMOVALS = [uninstall, purge, purge_left]
SCENARIOS = [first, upgrade, edited, repair, rollback, fourth, *REMOVALS]


def state(machine: Machine) -> dict[str, object]:
    """All that lies on a machine, but for times, and what a run says of itself."""
    unlike = ("state/history", "state/lock", "state/kept", "state/tool")
    return {
        path: held
        for path, held in listing(machine.root).items()
        if not any(part in path for part in unlike) and not path.endswith("/.removed")
    }


def unlike(found: dict[str, object], wanted: dict[str, object]) -> dict[str, object]:
    paths = {*found, *wanted}
    different = sorted(path for path in paths if found.get(path) != wanted.get(path))
    return {path: (found.get(path), wanted.get(path)) for path in different}


def is_left(machine: Machine) -> bool:
    """Tell whether there is anything left of a package, or of what was known of it."""
    link = machine.root / "var/lib/provisioning/.removed/greenhouse"
    return machine.prefix.exists() or os.path.lexists(link)


def demand_whole(machine: Machine, *versions: str) -> None:
    """Demand that what is current is one of these releases, and whole."""
    assert machine.version in versions
    if os.path.lexists(machine.prefix / "current"):
        verified = machine.run("verify", "/opt/greenhouse")
        assert verified.code == 0 or not any(versions) or not machine.version, verified


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_some_kills_leave_the_old_or_the_new_and_running_again_converges(
    in_memory: Machine, scenario: Callable[[Machine], list[str]], injected: Callable[[str], None]
) -> None:
    assert kills(in_memory, scenario, range(1, 10**9, 13), injected) > 15


@pytest.mark.sweep
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_kill_leaves_the_old_or_the_new_and_running_again_converges(
    in_memory: Machine, scenario: Callable[[Machine], list[str]], injected: Callable[[str], None]
) -> None:
    assert kills(in_memory, scenario, range(1, 10**9), injected) > 15


def kills(
    machine: Machine,
    scenario: Callable[[Machine], list[str]],
    numbers: range,
    injected: Callable[[str], None],
) -> int:
    """Kill a command at changes of these numbers, and return that of the first there is not."""
    words = [*scenario(machine), "--root", str(machine.root)]
    backup = machine.folder / "backup"
    shutil.copytree(machine.root, backup, symlinks=True)
    before = machine.version
    assert main(words) == 0
    wanted, after = state(machine), machine.version
    for number in numbers:
        shutil.rmtree(machine.root)
        shutil.copytree(backup, machine.root, symlinks=True)
        ended = ended_at(At(number), words)
        if not ended:
            return number
        injected("kills")
        assert ended == -signal.SIGKILL
        demand_whole(machine, before, after)
        if machine.prefix.exists():
            assert machine.run("recover", "/opt/greenhouse").code == 0
        demand_whole(machine, before, after)
        assert [*machine.root.rglob(".provisioning-*")] == []
        if machine.version != after or (not after and is_left(machine)):
            assert main(words) in {0, 3}
        if after:
            machine.run("gc", "greenhouse")
        assert (number, unlike(state(machine), wanted)) == (number, {})
    raise AssertionError("there is no end of changes")


THEN = ("again", "install", "recover", "gc")
MINE = "mine\n"


@pytest.mark.parametrize("scenario", REMOVALS)
def test_after_some_kills_of_a_removal_each_command_works_at_once(
    in_memory: Machine, scenario: Callable[[Machine], list[str]], injected: Callable[[str], None]
) -> None:
    assert kills_then(in_memory, scenario, range(1, 10**9, 29), injected) > 15


@pytest.mark.sweep
@pytest.mark.parametrize("scenario", REMOVALS)
def test_after_each_kill_of_a_removal_each_command_works_at_once(
    in_memory: Machine, scenario: Callable[[Machine], list[str]], injected: Callable[[str], None]
) -> None:
    assert kills_then(in_memory, scenario, range(1, 10**9), injected) > 15


def kills_then(
    machine: Machine,
    scenario: Callable[[Machine], list[str]],
    numbers: range,
    injected: Callable[[str], None],
) -> int:
    """As `kills`, where the next command comes without a recovery, and is each in turn."""
    words = [*scenario(machine), "--root", str(machine.root)]
    machine.write("etc/greenhouse.ini", MINE)
    (archive,) = machine.folder.glob("*-1.5.0-*.gz")
    backup = machine.folder / "backup"
    shutil.copytree(machine.root, backup, symlinks=True)
    for number in numbers:
        for then in THEN:
            shutil.rmtree(machine.root)
            shutil.copytree(backup, machine.root, symlinks=True)
            if not ended_at(At(number), words):
                return number
            injected("kills")
            following = {
                "again": words[:-2],
                "install": ["install", str(archive)],
                "recover": ["recover", "greenhouse"],
                "gc": ["gc", "greenhouse"],
            }
            demand_works(machine, following[then], is_purge="--purge" in words)
    raise AssertionError("there is no end of changes")


def demand_works(machine: Machine, words: list[str], *, is_purge: bool) -> None:
    """Demand that a command works, as the next one does, and that nothing is lost."""
    known = [machine.root / "var/lib/provisioning" / name for name in NAMES]
    is_known = any(map(os.path.lexists, known))
    is_known = is_known and ("uninstall" in words or machine.prefix.exists())
    done = machine.run(*words)
    if words[0] == "install":
        assert (done.code, machine.version) == (0, "1.5.0")
        told = {MINE, "port = 9\n"} if is_purge else {MINE}
        assert machine.read("etc/greenhouse.ini") in told
        assert machine.run("verify", "/opt/greenhouse").code == 0
    elif is_known:
        assert done.code == 0
    else:
        assert (done.code, done.err) == (3, GONE) or (done.code == 2 and UNKNOWN in done.err)
        assert not machine.prefix.exists()
    if "uninstall" in words:
        assert machine.prefix.exists() != is_purge
        assert machine.read("etc/greenhouse.ini") == (None if is_purge else MINE)
    for line in (machine.read("state/history") or "").splitlines():
        assert json.loads(line)["release"]
    assert machine.run("uninstall", "--purge", "/opt/greenhouse").code in {0, 3}
    assert not machine.prefix.exists()
    machine.run("uninstall", "--purge", "greenhouse")
    assert not any(map(os.path.lexists, known))


NAMES = ("greenhouse", ".removed/greenhouse")
GONE = "provision: /opt/greenhouse: No such file or directory\n"
UNKNOWN = "greenhouse: is not installed"


def beside(machine: Machine) -> dict[str, object]:
    """All but releases, kept to be looked into, what is noted, and the place of the registry."""
    found = state(machine).items()
    names = ("", "/releases", "/state", "/state/made")
    unlike = ("var", "opt", *(f"opt/greenhouse{name}" for name in names))
    return {
        path: held
        for path, held in found
        if path not in unlike and not path.startswith(("opt/greenhouse/releases/", "var/lib"))
    }


@pytest.fixture(
    params=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: str(each.name)
)
def sent(request: pytest.FixtureRequest) -> Iterator[int]:
    """A signal that asks to end; whatever runs the tests may ignore it, as nohup(1) does."""
    before = signal.signal(request.param, signal.SIG_DFL)
    yield request.param
    signal.signal(request.param, before)


@pytest.mark.parametrize("scenario", [first, edited, rollback])
def test_a_signal_that_asks_to_end_leaves_all_as_it_was(
    in_memory: Machine,
    scenario: Callable[[Machine], list[str]],
    sent: int,
    injected: Callable[[str], None],
) -> None:
    machine = in_memory
    words = [*scenario(machine), "--root", str(machine.root)]
    backup = machine.folder / "backup"
    shutil.copytree(machine.root, backup, symlinks=True)
    before, version = beside(machine), machine.version
    number = 1
    while ended_at(At(number, sent), words) == 128 + sent and machine.version == version:
        injected("signals")
        assert not (machine.prefix / "state/transaction.json").exists()
        assert (number, unlike(beside(machine), before)) == (number, {})
        shutil.rmtree(machine.root)
        shutil.copytree(backup, machine.root, symlinks=True)
        number += 7
    assert machine.version != version  # it had ended by then
    assert not (machine.prefix / "state/transaction.json").exists()
    assert number > 30


def test_a_signal_that_is_ignored_stays_so(in_memory: Machine) -> None:
    words = [*first(in_memory), "--root", str(in_memory.root)]
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert ended_at(At(10, signal.SIGHUP), words) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
