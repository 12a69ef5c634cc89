"""One process at a time changes a package."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from provisioning.installer.cli.command_line import main
from tests.waiting import ending

from .kills import ended_at
from .machine import listing
from .making import package

if TYPE_CHECKING:
    from .machine import Machine


def test_the_second_is_told_that_the_first_is_there(machine: Machine) -> None:
    machine.install("1.4.2")
    before = listing(machine.root)
    with (machine.prefix / "state/lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = (
            "provision: /opt/greenhouse: another process is changing this package; wait until it"
            " has ended\n"
        )
        assert machine.install("1.5.0") == (5, "", told)
        for command in ("rollback", "uninstall", "gc", "recover"):
            assert machine.run(command, "greenhouse") == (5, "", told)
    assert listing(machine.root) == before


def test_a_process_that_was_killed_holds_no_lock(machine: Machine) -> None:
    machine.install("1.4.2")
    process = os.fork()
    if not process:
        lock = os.open(machine.prefix / "state/lock", os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(process, 0)
    assert machine.install("1.5.0").code == 0


def test_looking_needs_no_lock(machine: Machine) -> None:
    machine.install("1.4.2")
    with (machine.prefix / "state/lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in ("status", "verify"):
            assert machine.run(command, "greenhouse").code == 0
        assert machine.run("rollback", "greenhouse", "--dry-run").code == 3


def test_of_many_installers_at_once_each_wins_or_is_told(machine: Machine) -> None:
    machine.install("1.0")
    paths = [package(machine.folder, f"2.{number}") for number in range(4)]
    command = [sys.executable, "-m", "provisioning.installer", "install", "--allow-downgrade"]
    with ExitStack() as running:
        started = [
            subprocess.Popen(
                [*command, path, "--root", machine.root],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for path in paths
        ]
        for process in started:
            running.enter_context(ending(process))
        codes = [process.wait() for process in started]
    assert 0 in codes
    assert set(codes) <= {0, 5}
    assert machine.version in {f"2.{at}" for at, code in enumerate(codes) if code == 0}
    assert machine.run("verify", "greenhouse").code == 0


def forked(words: list[str]) -> int:
    process = os.fork()
    if not process:
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(null, stream)
        os._exit(main(words))
    return process


def test_of_many_first_installers_at_once_each_wins_or_is_told(machine: Machine) -> None:
    path = package(machine.folder, "1.0")
    for _ in range(5):
        running = [forked(["install", str(path), "--root", str(machine.root)]) for _ in range(3)]
        codes = {os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in running}
        assert 0 in codes
        assert codes <= {0, 5}
        assert machine.run("verify", "greenhouse").code == 0
        assert machine.run("uninstall", "greenhouse", "--purge").code == 0


def test_a_lock_that_went_with_its_package_is_none(machine: Machine) -> None:
    machine.install("1.0")
    lock = machine.prefix / "state/lock"

    def remove_once(event: str, _: tuple[object, ...]) -> None:
        if event == "fcntl.flock" and not gone:
            gone.append(lock.unlink())

    gone: list[None] = []
    assert ended_at(remove_once, ["gc", "greenhouse", "--root", str(machine.root)]) == 0
    assert lock.exists()
