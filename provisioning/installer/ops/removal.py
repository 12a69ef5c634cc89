"""Removes a package: its releases, and with `purge` the configuration and data it created, too."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from provisioning.artifact.filesystem import reason
from provisioning.artifact.model.entry import UNCOMPILED
from provisioning.artifact.model.placement import BYTECODE, CURRENT, PREVIOUS, RELEASES, STATE
from provisioning.errors import TargetError
from provisioning.installer.ops import journal
from provisioning.installer.ops.installation import TOOL, begin, begun, end
from provisioning.installer.ops.journal import DONE, REMOVED, SWITCHING
from provisioning.installer.services import bytecode_cache, lifecycle
from provisioning.installer.store import footprint, releases
from provisioning.installer.store.configuration import KEPT
from provisioning.installer.store.prefix import LOCK
from provisioning.installer.store.trusted_keys import SIGNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.console import Console
    from provisioning.installer.ops.install_plan import InstallPlan
    from provisioning.installer.ops.installation import Transaction
    from provisioning.installer.store.prefix import Home


def remove(home: Home, plan: InstallPlan, console: Console) -> tuple[str, ...]:
    """Remove a package; returns what of it could not be removed.

    The removal of `current` commits it: until then all can be taken back, and after it, a run that
    is killed or stuck is ended by the next one.

    Raises TargetError if nothing was removed.
    """
    old = plan.old
    if old is None:  # an earlier removal has committed, and could not finish
        return clear(home, purge=plan.purge)
    change = begin(home, plan, console)
    try:
        change = begun(change)
        lifecycle.run_hook(home, change.record, "pre_remove", (old, None))
        journal.note_removed(home, old)
        change = change.noted(phase=SWITCHING)
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
    """Whether there is no way back any more."""
    return not releases.at(change.home, CURRENT)


def abandon(change: Transaction) -> None:
    """Undo a removal that has not committed."""
    if change.record.phase == SWITCHING:
        try:
            lifecycle.start(change.home, None, change.old, change.record.resting.split())
        except TargetError as error:
            change.console.warn(f"after rolling back: {error}")
    change.home.directory.remove(REMOVED)
    journal.remove_record(change.home)


def finish(change: Transaction) -> tuple[str, ...]:
    """Finish a removal that has committed; returns what could not be removed."""
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
    """Remove all releases, and to `purge` all else; returns what could not be removed.

    It can be run again after a kill, or when something could not be removed.
    """
    stuck = [*_remove_all(home, [BYTECODE])]
    stuck += _remove_all(home, (f"{RELEASES}/{name}" for name in releases.names(home)))
    stuck += _remove_all(home, [KEPT, UNCOMPILED, SIGNED])
    if not home.directory.names(RELEASES):
        stuck += _remove_all(home, [RELEASES])
    if purge:
        # If the package is installed again meanwhile, its configuration is that of a first time.
        about = journal.left(home)
        if about:  # byte code of Python beside them would keep their directories
            bytecode_cache.sweep(home, "", about.layout.conffiles)  # guard: byte-code-purged
        footprint.note(home, footprint.known(home, about))
        home.directory.remove(REMOVED)  # guard: removal-ends-before-data
        kinds = footprint.read(home)
        innermost = sorted({*kinds} - {footprint.PREFIX}, reverse=True)
        doomed = (path for path in innermost if footprint.goes(home, path, kinds))
        stuck += [*_remove_all(home, doomed), *lifecycle.remove_users(home)]
        if not stuck:
            forget(home, but=(LOCK,))  # guard: lock-outlives-a-purge
    return tuple(stuck)


def forget(home: Home, but: tuple[str, ...] = ()) -> None:
    """Remove the state: the record of a change, and what it takes to end the change, go last."""
    footprint.give_up_prefix(home)
    found = {f"{STATE}/{name}" for name in home.directory.names(STATE)} - {*but}
    last = [path for path in (journal.HISTORY, journal.RECORD, TOOL, LOCK) if path in found]
    for path in (*sorted(found - {*last}), *last):
        home.directory.remove_tree(path)
    if not but:
        home.directory.remove(STATE)


def _remove_all(home: Home, paths: Iterable[str]) -> Iterator[str]:
    """Remove what lies at these paths below the prefix; yields what could not be, and why."""
    for path in paths:
        try:
            home.directory.remove_tree(path)
        except OSError as error:
            busy = error.errno == errno.EBUSY
            yield f"{error.filename}: {'is a mount point; unmount it' if busy else reason(error)}"
