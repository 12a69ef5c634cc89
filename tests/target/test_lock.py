"""One process at a time changes a package."""

from __future__ import annotations

import fcntl
import os
import signal
from typing import TYPE_CHECKING

from .machine import listing

if TYPE_CHECKING:
    from .machine import Machine


def test_the_second_is_told_that_the_first_is_there(machine: Machine) -> None:
    machine.install("1.4.2")
    before = listing(machine.root)
    with (machine.prefix / "state/lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = "provision: /opt/greenhouse: locked by another run; wait until it has ended\n"
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
