"""Knows how a package is opened to be changed: locked, nothing under way, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from provisioning.artifact import digest
from provisioning.artifact.installed import CURRENT, RELEASES, STATE
from provisioning.artifact.tool import tool
from provisioning.errors import LockedError, RefusedError, TargetError
from provisioning.target import history, made, record, registry, removal, removed, running
from provisioning.target.change import ATTEMPTS, TOOL
from provisioning.target.home import missing, opened, remove_empty
from provisioning.target.lock import locked
from provisioning.target.recovery import recover
from provisioning.target.system import is_starting
from provisioning.target.trust import demand_own, doubt_about

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.target.home import Home
    from provisioning.target.telling import Telling

_LOCKED = 5  # what a tool of any version exits with where somebody else changes the package


@contextmanager
def to_change(root: Path, prefix: str, telling: Telling, *, make: bool = False) -> Iterator[Home]:
    """Open a prefix, `make` it first, lock it, and finish or undo what was interrupted there.

    A prefix that was made, and in which there is nothing in the end, is removed.

    Raises:
        RefusedError: there is none, or a link on the way; or somebody else may have written what
            is known of the package.
        LockedError: somebody else changes the package.
    """
    ways = missing(root, prefix) if make else []
    with opened(root, prefix, make=make) as home:
        if not home.is_rehearsal:
            demand_own(home)
        _have_finished(home, telling)
        try:
            with locked(home):
                recover(home, telling, attempts=0 if is_starting() else ATTEMPTS)
                made.settle_prefix(home)
                try:
                    yield home
                finally:
                    _tidy(home)
        finally:
            with suppress(OSError):
                if made.is_new(home):
                    remove_empty(root, ways or [home.path.relative_to(root).as_posix()])
            if not home.directory.status(STATE):
                registry.forget(root, prefix)


def _have_finished(home: Home, telling: Telling) -> None:
    """Have another tool finish or undo what it began: it alone knows what its record means.

    Raises RefusedError where that could be anybody's.
    """
    began = record.tool_of(home)
    if began in {"", digest.of_bytes(tool())}:
        return
    if digest.of_bytes(home.directory.read(TOOL) or b"") != began:
        return  # nobody has it any more
    doubt = doubt_about(home, TOOL)
    if doubt:
        raise RefusedError(
            f"{home.path / TOOL}: has to end what it began here, and is not run, since {doubt};"
            f" run `provision recover` as whoever began it, or use another directory"
        )
    command = [sys.executable, str(home.path / TOOL), "recover", "--prefix", home.prefix]
    done = subprocess.run(  # noqa: S603 - what began the change, and nothing else
        [*command, "--root", str(home.root)],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    for line in done.stdout.splitlines():
        telling.say(line)
    if done.returncode:
        said = done.stderr.strip().removeprefix("provision: ")
        raise (LockedError if done.returncode == _LOCKED else TargetError)(said)


def _tidy(home: Home) -> None:
    """Remove what only says that there is nothing."""
    with suppress(OSError, RefusedError):
        if any(map(home.directory.status, (CURRENT, record.PATH, history.PATH, removed.PATH))):
            return
        if home.directory.is_directory(RELEASES) and not home.directory.names(RELEASES):
            home.directory.remove(RELEASES)
        if not home.directory.status(RELEASES):
            running.remove_users(home)
            removal.forget(home)
