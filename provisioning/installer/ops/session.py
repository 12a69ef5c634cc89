"""Knows what to do about a change that somebody began and did not end: killed, or without power."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.filesystem import reason
from provisioning.artifact.model.placement import CURRENT, RELEASES, STATE
from provisioning.artifact.tool import tool
from provisioning.errors import LockedError, RefusedError, TargetError
from provisioning.installer.ops import journal, removal, transaction
from provisioning.installer.ops.journal import REMOVE, RETURNING
from provisioning.installer.ops.transaction import ATTEMPTS, TOOL, Transaction
from provisioning.installer.services import hooks, lifecycle
from provisioning.installer.services.subprocesses import is_starting
from provisioning.installer.store import footprint, releases
from provisioning.installer.store.configuration import KEPT
from provisioning.installer.store.owners import demand_own, doubt_about
from provisioning.installer.store.prefix import locked, missing, opened, remove_empty

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from provisioning.console import Console
    from provisioning.installer.ops.journal import Record
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release


def recover(home: Home, console: Console, *, attempts: int) -> str:
    """Finish or undo what is under way, and sweep what is temporary; tell what was done.

    A release that was switched to is started `attempts` times at most; then the one before it
    comes back.
    """
    found = journal.read_record(home)
    if hooks.end(home):  # guard: hook-of-a-killed-run
        console.say(f"{home.path}: a hook of the run that was killed still ran, and was ended")
    _sweep(home, console, ("", RELEASES, STATE, KEPT))  # guard: sweep-temporaries
    if not home.directory.status(CURRENT):  # who is killed in a purge may leave no record
        _sweep(home, console, footprint.places(home))  # guard: sweep-of-a-purge
    if not found:
        return ""
    under_way = _change(home, console, found)
    _sweep(home, console, _beside(under_way))  # guard: sweep-beside-configuration
    releases.sweep(home, found.name)
    for release in filter(None, (under_way.old, under_way.new, journal.left(home, found.name))):
        lifecycle.sweep(home, release.package)
    done = _recover(under_way, attempts)
    console.say(f"{found.name}: an interrupted {found.action} was {done}")
    return done


def _change(home: Home, console: Console, found: Record) -> Transaction:
    return Transaction(home, console, found, _release(home, found.old), _release(home, found.new))


def _recover(found: Transaction, attempts: int) -> str:
    entry = found.record
    if transaction.has_ended(found) and entry.action != REMOVE:  # guard: recover-after-a-boot
        journal.remove_record(found.home)  # all but this was done
        return "finished"
    if entry.action == REMOVE:
        return _recover_removal(found)
    if entry.phase == RETURNING:  # guard: recover-going-back
        transaction.go_back(found, entry.reason)
        return "undone"
    if not transaction.is_committed(found) or entry.attempts >= attempts:  # guard: attempts-end
        transaction.undo(found, "interrupted, before it was known to be good")
        return "undone"
    try:
        transaction.finish(found)
    except (TargetError, OSError) as error:
        transaction.go_back(found, str(error))
        return "undone"
    return "finished"


def _recover_removal(found: Transaction) -> str:
    if not removal.is_committed(found):
        removal.abandon(found)
        return "undone"
    found.console.warn(*removal.finish(found))
    return "finished"


def _sweep(home: Home, console: Console, places: Iterable[str]) -> None:
    for fault in (fault for place in places for fault in home.directory.sweep(place)):
        console.warn(f"{fault.filename}: could not be removed: {reason(fault)}")


def _release(home: Home, name: str) -> Release | None:
    """A release as the disk has it; None where it is not there any more, or damaged."""
    try:
        return releases.read(home, name) if name else None
    except RefusedError:
        return None


def _beside(change: Transaction) -> set[str]:
    """The directories that hold what lies beside the releases."""
    before = journal.left(change.home, change.record.name)
    layouts = (each.layout for each in (change.old, change.new, before) if each)
    kept = (entry for layout in layouts for entry in (*layout.conffiles, *layout.data))
    return {entry.path.rpartition("/")[0] for entry in kept}


_LOCKED = 5  # what a tool of any version exits with where somebody else changes the package


@contextmanager
def to_change(root: Path, prefix: str, console: Console, *, make: bool = False) -> Iterator[Home]:
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
            demand_own(home)  # guard: records-that-others-write
        _have_finished(home, console)
        try:
            with locked(home):
                # guard: recover-first
                recover(home, console, attempts=0 if is_starting() else ATTEMPTS)
                footprint.settle_prefix(home)
                try:
                    yield home
                finally:
                    _tidy(home)
        finally:
            with suppress(OSError):
                if footprint.is_new(home):  # guard: refused-removes-nothing
                    remove_empty(root, ways or [home.path.relative_to(root).as_posix()])
            if not home.directory.status(STATE):
                releases.forget(root, prefix)


def _have_finished(home: Home, console: Console) -> None:
    """Have another tool finish or undo what it began: it alone knows what its record means.

    Raises RefusedError where that could be anybody's.
    """
    began = journal.tool_of(home)
    if began in {"", filesystem.of_bytes(tool())}:
        return
    if filesystem.of_bytes(home.directory.read(TOOL) or b"") != began:
        return  # nobody has it any more
    doubt = doubt_about(home, TOOL)
    if doubt:  # guard: prefix-that-others-write
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
        console.say(line)
    if done.returncode:
        said = done.stderr.strip().removeprefix("provision: ")
        raise (LockedError if done.returncode == _LOCKED else TargetError)(said)


def _tidy(home: Home) -> None:
    """Remove what only says that there is nothing."""
    with suppress(OSError, RefusedError):
        if any(
            map(home.directory.status, (CURRENT, journal.RECORD, journal.HISTORY, journal.REMOVED))
        ):
            return
        if home.directory.is_directory(RELEASES) and not home.directory.names(RELEASES):
            home.directory.remove(RELEASES)
        if not home.directory.status(RELEASES):
            lifecycle.remove_users(home)
            removal.forget(home)
