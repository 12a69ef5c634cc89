"""A process that is killed, or asked to end: at each change to the disk, and what holds then."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.target.cli import main

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


@pytest.fixture
def in_memory(capsys: pytest.CaptureFixture[str]) -> Iterator[Machine]:
    """A machine whose disk costs no time: what is to survive a kill has not to be on a disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Machine(Path(folder), capsys)


SCENARIOS = [first, upgrade, edited, repair, rollback, fourth, uninstall, purge]


def state(machine: Machine) -> dict[str, object]:
    """All that lies on a machine, but for times, and what a run says of itself."""
    unlike = ("state/history", "state/lock", "state/kept", "state/tool")
    return {
        path: held
        for path, held in listing(machine.root).items()
        if not any(part in path for part in unlike)
    }


def unlike(found: dict[str, object], wanted: dict[str, object]) -> dict[str, object]:
    paths = {*found, *wanted}
    different = sorted(path for path in paths if found.get(path) != wanted.get(path))
    return {path: (found.get(path), wanted.get(path)) for path in different}


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
    assert kills(in_memory, scenario, range(1, 10**9, 13), injected) > 40


@pytest.mark.sweep
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_kill_leaves_the_old_or_the_new_and_running_again_converges(
    in_memory: Machine, scenario: Callable[[Machine], list[str]], injected: Callable[[str], None]
) -> None:
    assert kills(in_memory, scenario, range(1, 10**9), injected) > 40


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
        if machine.version != after or (not after and machine.prefix.exists()):
            assert main(words) in {0, 3}
        if after:
            machine.run("gc", "greenhouse")
        assert (number, unlike(state(machine), wanted)) == (number, {})
    raise AssertionError("there is no end of changes")


def beside(machine: Machine) -> dict[str, object]:
    """All but releases, which may be kept to be looked into, and the place of the registry."""
    found = state(machine).items()
    unlike = ("var", "opt", *(f"opt/greenhouse{name}" for name in ("", "/releases", "/state")))
    return {
        path: held
        for path, held in found
        if path not in unlike and not path.startswith(("opt/greenhouse/releases/", "var/lib"))
    }


@pytest.mark.parametrize(
    "sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name
)
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
