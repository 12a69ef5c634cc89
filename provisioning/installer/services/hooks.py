"""Runs hooks, and ends one that runs on after the run that started it was killed.

Its process id is noted with what tells it from a later process of that id: when it started, and in
which boot of the machine (proc(5); ps(1) where there is no /proc).
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.bytecode import VARIABLE
from provisioning.artifact.model.entry import HOOKS, STATE, shown
from provisioning.errors import TargetError
from provisioning.installer.services import subprocesses
from provisioning.installer.services.subprocesses import Program, run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provisioning.artifact.model.package import Hook, Package
    from provisioning.installer.services.subprocesses import Ended
    from provisioning.installer.store.prefix import Home

NOTE = f"{STATE}/hook"
_PATIENCE = 30
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_BOOT = "/proc/sys/kernel/random/boot_id"


@contextmanager
def noting(home: Home) -> Iterator[Callable[[int], None]]:
    """Yield a function that notes the process id of a hook; the note is removed at the end."""
    try:
        yield lambda pid: _note(home, f"{pid} {_born(pid)}\n")
    finally:
        home.directory.remove(NOTE)


def end(home: Home) -> bool:
    """Kill a hook that was noted and still runs, with its group; returns whether one did."""
    pid, _, born = (
        (home.directory.read(NOTE) or b"").decode(errors="replace").strip().partition(" ")
    )
    runs = pid.isdigit() and born != "" and _born(int(pid)) == born  # guard: process-of-that-number
    if runs:
        with suppress(ProcessLookupError):
            os.killpg(int(pid), signal.SIGKILL)
    home.directory.remove(NOTE)
    return runs


def _note(home: Home, text: str) -> None:
    """Write the note without a sync: after a power cut, the process is gone."""
    with home.directory.opened(STATE) as state:
        descriptor = os.open(NOTE.rpartition("/")[2], _NEW, 0o600, dir_fd=state)
        os.write(descriptor, text.encode())
        os.close(descriptor)


def _born(pid: int) -> str:
    """When a process started; "" if there is none, or nobody can say."""
    if sys.platform != "linux":
        with suppress(TargetError):
            return " ".join(
                subprocesses.asked(["ps", "-o", "lstart=", "-p", str(pid)], _PATIENCE).split()
            )
        return ""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stat, open(_BOOT) as boot:
            # Behind the name, which may hold blanks and brackets: the 22nd field.
            return f"{boot.read().strip()} {stat.read().rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return ""


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Occasion(NamedTuple):
    """What a hook is run for."""

    package: Package
    """The package that the hook belongs to."""
    release: str
    """The directory of its release."""
    old_version: str
    """The version that was installed before, "" if none was."""
    action: str
    """install, upgrade, rollback or remove."""
    cache: str = ""
    """Where Python keeps byte code; "" for beside the sources."""


def environment(occasion: Occasion) -> dict[str, str]:
    """Return all environment variables of a hook."""
    package = occasion.package
    cache = {VARIABLE: occasion.cache} if occasion.cache else {}
    return {
        "PROVISIONING_NAME": package.name,
        "PROVISIONING_VERSION": package.version,
        "PROVISIONING_PLATFORM": package.platform,
        "PROVISIONING_PREFIX": package.prefix,
        "PROVISIONING_RELEASE": occasion.release,
        "PROVISIONING_OLD_VERSION": occasion.old_version,
        "PROVISIONING_ACTION": occasion.action,
        "PATH": PATH,
        "LC_ALL": "C.UTF-8",
        **cache,
    }


def run_hook(
    hook: Hook, occasion: Occasion, begun: Callable[[int], object] = lambda _: None
) -> tuple[bytes, str]:
    """Run a hook, and return the end of its output, and why it failed; "" if it did not.

    `begun` is called with its process id.

    Raises TargetError if it cannot run at all.
    """
    script = f"{occasion.release}/{HOOKS}/{hook.name}"
    program = Program([script], occasion.release, environment(occasion))
    try:
        ended = run_program(program, hook.timeout, begun)
    except OSError as error:
        reason = f"{error.strerror}; does its first line name an interpreter, as #!/bin/sh does?"
        raise TargetError(f"{hook.name}: {script}: {reason}") from None
    return ended.output, _fault(hook, ended)


def _fault(hook: Hook, ended: Ended) -> str:
    last = ended.output.decode(errors="replace").rstrip().rpartition("\n")[2]
    said = f": {shown(last)}" if last else ""
    if ended.late:
        return f"{hook.name} did not end within {hook.timeout} seconds, and was killed{said}"
    if ended.status < 0:
        return f"{hook.name} was killed by signal {-ended.status}{said}"
    # guard: hook-failed
    return f"{hook.name} ended with {ended.status}{said}" if ended.status else ""
