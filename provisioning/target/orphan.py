"""Knows a hook that goes on although the run that began it was killed, and ends it.

The number of its process group is noted with what tells it from a later one of that number: when it
began, and since which start of the machine (proc(5); ps(1) where there is no /proc).
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from provisioning.artifact.path import STATE
from provisioning.errors import TargetError
from provisioning.target import system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provisioning.target.home import Home

NOTE = f"{STATE}/hook"
_PATIENCE = 30
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_BOOT = "/proc/sys/kernel/random/boot_id"


@contextmanager
def noting(home: Home) -> Iterator[Callable[[int], None]]:
    """Have a process noted, which leads its group, for as long as this waits for it."""
    try:
        yield lambda pid: _note(home, f"{pid} {_born(pid)}\n")
    finally:
        home.directory.remove(NOTE)


def end(home: Home) -> bool:
    """Kill what was noted and still runs, with its group; tell whether it did."""
    pid, _, born = (
        (home.directory.read(NOTE) or b"").decode(errors="replace").strip().partition(" ")
    )
    runs = pid.isdigit() and born != "" and _born(int(pid)) == born
    if runs:
        with suppress(ProcessLookupError):
            os.killpg(int(pid), signal.SIGKILL)
    home.directory.remove(NOTE)
    return runs


def _note(home: Home, text: str) -> None:
    """Note it at once, since the process runs: after a power cut nobody asks for it."""
    with home.directory.opened(STATE) as state:
        descriptor = os.open(NOTE.rpartition("/")[2], _NEW, 0o600, dir_fd=state)
        os.write(descriptor, text.encode())
        os.close(descriptor)


def _born(pid: int) -> str:
    """When a process began; "" if there is none, or nobody can tell."""
    if sys.platform != "linux":
        with suppress(TargetError):
            return " ".join(
                system.asked(["ps", "-o", "lstart=", "-p", str(pid)], _PATIENCE).split()
            )
        return ""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stat, open(_BOOT) as boot:
            # Behind the name, which may hold blanks and brackets: the 22nd field.
            return f"{boot.read().strip()} {stat.read().rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return ""
