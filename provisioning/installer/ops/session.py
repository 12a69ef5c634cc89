"""Opens an installed package to change it: locks it, and first ends what an earlier run began."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.filesystem import reason
from provisioning.artifact.model.placement import BYTECODE, CURRENT, RELEASES, STATE
from provisioning.artifact.tool import tool
from provisioning.errors import LockedError, RefusedError, TargetError
from provisioning.installer.ops import first_start, installation, journal, removal
from provisioning.installer.ops.installation import ATTEMPTS, TOOL, Transaction
from provisioning.installer.ops.journal import REMOVE, RETURNING
from provisioning.installer.services import hooks, lifecycle
from provisioning.installer.services.subprocesses import is_starting
from provisioning.installer.store import footprint, releases
from provisioning.installer.store.configuration import KEPT
from provisioning.installer.store.owners import demand_own, doubt_about
from provisioning.installer.store.prefix import locked, missing, opened, remove_empty
from provisioning.installer.store.trusted_keys import SIGNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from provisioning.console import Console
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

_LOCKED = 5  # the exit code of a tool of any version if another process changes the package


@contextmanager
def to_change(root: Path, prefix: str, console: Console, *, make: bool = False) -> Iterator[Home]:
    """Open a prefix (with `make`, create it), lock it, and end what was interrupted there.

    A prefix that was created here is removed again if nothing is in it in the end.

    Raises:
        RefusedError: there is none, or a link on the way; or others may have written the notes
            about the package.
        LockedError: another process is changing the package.
    """
    ways = missing(root, prefix) if make else []
    with opened(root, prefix, make=make) as home:
        if not home.is_rehearsal:
            demand_own(home)  # guard: records-that-others-write
        _let_its_tool_finish(home, console)
        try:
            with locked(home):
                recover(home, console, attempts=0 if is_starting() else ATTEMPTS)  # guard: recovery
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


def _let_its_tool_finish(home: Home, console: Console) -> None:
    """Run another version's tool to end what it began: it alone knows what its record means.

    Raises RefusedError if others could have written that tool.
    """
    began = journal.tool_of(home)
    if began in {"", filesystem.of_bytes(tool())}:
        return
    if filesystem.of_bytes(home.directory.read(TOOL) or b"") != began:
        return  # it is gone
    doubt = doubt_about(home, TOOL)
    if doubt:  # guard: prefix-that-others-write
        raise RefusedError(
            f"{home.path / TOOL}: this tool began a change and must end it, but is not run, since"
            f" {doubt}; run `provision recover` as the user who began it, or use another directory"
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
    """Remove empty releases and a state without any record, if nothing is installed."""
    with suppress(OSError, RefusedError):
        if any(
            map(home.directory.status, (CURRENT, journal.RECORD, journal.HISTORY, journal.REMOVED))
        ):
            return
        if not releases.names(home):
            home.directory.remove_tree(BYTECODE)
        if home.directory.is_directory(RELEASES) and not home.directory.names(RELEASES):
            home.directory.remove(RELEASES)
        if not home.directory.status(RELEASES):
            lifecycle.remove_users(home)
            removal.forget(home)


def recover(home: Home, console: Console, *, attempts: int) -> str:
    """Finish or undo an interrupted change, and remove temporary files; returns which was done.

    A release that was switched to is started at most `attempts` times; then the change is undone.
    """
    found = journal.read_record(home)
    if hooks.end(home):  # guard: hook-of-a-killed-run
        console.say(f"{home.path}: stopped a hook of an earlier run, which had been killed")
    _sweep(home, console, ("", RELEASES, BYTECODE, STATE, KEPT, SIGNED))  # guard: sweep-temporaries
    if not home.directory.status(CURRENT):  # a purge that was killed may have left no record
        _sweep(home, console, footprint.places(home))  # guard: sweep-of-a-purge
    if not found:
        return ""
    old, new = _release(home, found.old), _release(home, found.new)
    known = [each for each in (old, new, journal.left(home, found.name)) if each]
    places = set[str]()
    for layout in (each.layout for each in known):
        beside = (*layout.conffiles, *layout.data)
        places |= {entry.path.rpartition("/")[0] for entry in beside}
    _sweep(home, console, places)  # guard: sweep-beside-configuration
    releases.sweep(home, found.name)
    for release in known:
        lifecycle.sweep(home, release.package)
    change = Transaction(home, console, found, old, new)
    if found.phase in first_start.WAITING:
        first_start.go_on(change)
        return ""
    done = _recover(change, attempts)
    console.say(f"{found.name}: an interrupted {found.action} was {done}")
    return done


def _recover(found: Transaction, attempts: int) -> str:
    home, entry = found.home, found.record
    if installation.has_ended(found) and entry.action != REMOVE:  # guard: recover-after-a-boot
        journal.remove_record(home)  # all but this was done
    elif entry.action == REMOVE:
        if not removal.is_committed(found):
            removal.abandon(found)
            return "undone"
        found.console.warn(*removal.finish(found))
    elif entry.phase == RETURNING:  # guard: recover-going-back
        installation.go_back(found, entry.reason)
        return "undone"
    elif not installation.is_committed(found) or entry.attempts >= attempts:  # guard: attempts-end
        installation.undo(found, "interrupted, before it was known to be good")
        return "undone"
    else:
        try:
            installation.finish(found)
        except (TargetError, OSError) as error:
            installation.go_back(found, str(error))
            return "undone"
    return "finished"


def _sweep(home: Home, console: Console, places: Iterable[str]) -> None:
    for fault in (fault for place in places for fault in home.directory.sweep(place)):
        console.warn(f"{fault.filename}: could not be removed: {reason(fault)}")


def _release(home: Home, name: str) -> Release | None:
    """A release as the disk has it; None if it is missing or damaged."""
    try:
        return releases.read(home, name) if name else None
    except RefusedError:
        return None
