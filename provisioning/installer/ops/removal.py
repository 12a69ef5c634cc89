"""Knows how a package is removed: its releases, and with `purge` what the machine had of it too."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from provisioning.artifact.filesystem import reason
from provisioning.artifact.model.placement import CURRENT, PREVIOUS, RELEASES, STATE
from provisioning.errors import TargetError
from provisioning.installer.ops import journal
from provisioning.installer.ops.journal import DONE, SWITCHING
from provisioning.installer.ops.transaction import TOOL, begun, end
from provisioning.installer.services import bytecode, lifecycle
from provisioning.installer.store import footprint, releases
from provisioning.installer.store.configuration import KEPT
from provisioning.installer.store.prefix import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.installer.ops.transaction import Transaction
    from provisioning.installer.store.prefix import Home


def carry_out(change: Transaction) -> tuple[str, ...]:
    """Remove a package; tell what of it cannot be removed.

    Raises TargetError if that did not begin, and nothing was changed.
    """
    home, old = change.home, change.old
    try:
        change = begun(change)
        lifecycle.run_hook(home, change.record, "pre_remove", (old, None))
        if old:
            journal.note_removed(home, old)
        change = change.noted(phase=SWITCHING)
        if old:
            lifecycle.stop(home, old)
        home.directory.remove(CURRENT)
    except (TargetError, OSError) as error:
        if is_committed(change):
            raise
        abandon(change)
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise TargetError(f"{change.record.name}: {why}; nothing was changed") from None
    except BaseException:  # a signal, or a fault of this program
        if not is_committed(change):
            abandon(change)
        raise
    return finish(change)


def is_committed(change: Transaction) -> bool:
    """Tell whether there is no way back any more."""
    return not releases.at(change.home, CURRENT)


def abandon(change: Transaction) -> None:
    """Leave a package as it was."""
    if change.record.phase == SWITCHING:
        try:
            lifecycle.start(change.home, None, change.old, change.record.resting.split())
        except TargetError as error:
            change.console.warn(f"after going back: {error}")
    change.home.directory.remove(journal.REMOVED)
    journal.remove_record(change.home)


def finish(change: Transaction) -> tuple[str, ...]:
    """Remove what is left of a package that is current no more; tell what cannot be removed."""
    home, purge = change.home, change.record.purge
    home.directory.remove(PREVIOUS)
    try:
        lifecycle.run_hook(home, change.record, "post_remove", (change.old, None))
    except TargetError as error:
        change.console.warn(str(error))
    about = journal.left(home, change.record.name)
    if about:
        lifecycle.forget(home, about.package)
    change.console.warn(releases.strike(home))
    stuck = clear(home, purge=purge)
    if not purge or stuck:
        end(change, DONE)
    return stuck


def clear(home: Home, *, purge: bool) -> tuple[str, ...]:
    """Remove all releases, and to `purge` what else there is; tell what cannot be removed.

    Whoever was killed, or could not remove all, begins again, and finds what is left.
    """
    stuck = [*_all_removed(home, _releases(home))]
    if purge:
        # Whoever installs the package meanwhile gets its configuration as for the first time.
        about = journal.left(home)
        if about:  # or what Python has left beside them would keep their directories
            bytecode.sweep(home, "", about.layout.conffiles)  # guard: byte-code-purged
        footprint.note(home, footprint.known(home, about))
        home.directory.remove(journal.REMOVED)  # guard: removal-ends-before-data
        stuck += [*_all_removed(home, _purged(home)), *lifecycle.remove_users(home)]
        if not stuck:
            forget(home, but=(LOCK,))  # guard: lock-outlives-a-purge
    return tuple(stuck)


def forget(home: Home, but: tuple[str, ...] = ()) -> None:
    """Have no state any more: the record of a change, and what it takes to end it, go last."""
    footprint.give_up_prefix(home)
    found = {f"{STATE}/{name}" for name in home.directory.names(STATE)} - {*but}
    last = [path for path in (journal.HISTORY, journal.RECORD, TOOL, LOCK) if path in found]
    for path in (*sorted(found - {*last}), *last):
        home.directory.remove_tree(path)
    if not but:
        home.directory.remove(STATE)


def _releases(home: Home) -> Iterator[str]:
    yield from (f"{RELEASES}/{name}" for name in releases.names(home))
    yield KEPT
    if not home.directory.names(RELEASES):
        yield RELEASES


def _purged(home: Home) -> Iterator[str]:
    """What the package has made beside its releases, the innermost first."""
    found = footprint.read(home)
    paths = sorted({*found} - {footprint.PREFIX}, reverse=True)
    yield from (path for path in paths if footprint.goes(home, path, found))


def _all_removed(home: Home, paths: Iterable[str]) -> Iterator[str]:
    """Have nothing at these paths below the prefix; tell where there is something, and why."""
    for path in paths:
        try:
            home.directory.remove_tree(path)
        except OSError as error:
            yield f"{error.filename}: {_why(error)}"


def _why(error: OSError) -> str:
    return "is mounted there; unmount it" if error.errno == errno.EBUSY else reason(error)
