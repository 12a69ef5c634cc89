"""Knows the machine whose services are cared for: which one it is, and how its commands are run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.unit import BOOT
from provisioning.errors import TargetError
from provisioning.target.program import UMASK

if TYPE_CHECKING:
    from collections.abc import Sequence

SYSTEM = Path("/")
_BOOTED = "/run/systemd/system"  # sd_booted(3)
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_COLORS": "0"}


class System(NamedTuple):
    """A machine, or a directory that stands for one."""

    root: Path
    runs: bool
    """Its service manager may be asked: it is the machine that runs, and root asks."""
    boots: bool = False
    """It is starting, and its services will be started after what is done now."""


def at(root: Path, manager: str) -> System:
    """The system at `root`, as far as the service manager `manager` is concerned."""
    running = {"systemd": os.path.isdir(_BOOTED), "launchd": sys.platform == "darwin"}
    runs = root == SYSTEM and os.geteuid() == 0 and running.get(manager, False)
    return System(root, runs, runs and is_starting())


def is_starting() -> bool:
    """Tell whether the machine is starting, and has this run before its services."""
    return BOOT in os.environ


def run(command: Sequence[str], patience: int) -> str:
    """Run a command of the system; what it says. Raises TargetError if it fails, with why."""
    result = _result(command, patience)
    if result.returncode != 0:
        said = first_line(result.stderr or result.stdout) or f"ended with {result.returncode}"
        raise TargetError(f"{' '.join(command)}: {said}")
    return result.stdout


def asked(command: Sequence[str], patience: int) -> str:
    """What a command says, whatever it ends with. Raises TargetError if it cannot be run."""
    return _result(command, patience).stdout


def first_line(text: str) -> str:
    """The first line that says anything."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _result(command: Sequence[str], patience: int) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - the commands are this program's own
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=_ENVIRONMENT,
            umask=UMASK,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TargetError(f"{' '.join(command)}: did not end within {patience} seconds") from None
    except OSError as error:
        raise TargetError(f"{command[0]}: {error.strerror}") from None
