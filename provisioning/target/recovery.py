"""Knows what to do about a change that somebody began and did not end: killed, or without power."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.files import reason
from provisioning.artifact.installed import CURRENT, RELEASES, STATE
from provisioning.errors import RefusedError, TargetError
from provisioning.target import (
    change,
    made,
    orphan,
    record,
    registry,
    releases,
    removal,
    removed,
    running,
)
from provisioning.target.change import Change
from provisioning.target.configuration import KEPT
from provisioning.target.record import REMOVE, RETURNING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.target.home import Home
    from provisioning.target.record import Record
    from provisioning.target.releases import Release
    from provisioning.target.telling import Telling


def recover(home: Home, telling: Telling, *, attempts: int) -> str:
    """Finish or undo what is under way, and sweep what is temporary; tell what was done.

    A release that was switched to is started `attempts` times at most; then the one before it
    comes back.
    """
    found = record.read(home)
    if orphan.end(home):
        telling.say(f"{home.path}: a hook of the run that was killed still ran, and was ended")
    _sweep(home, telling, ("", RELEASES, STATE, KEPT))
    if not home.directory.status(CURRENT):  # who is killed in a purge may leave no record
        _sweep(home, telling, made.places(home))
    if not found:
        return ""
    under_way = _change(home, telling, found)
    _sweep(home, telling, _beside(under_way))
    registry.sweep(home, found.name)
    for release in filter(None, (under_way.old, under_way.new, removed.left(home, found.name))):
        running.sweep(home, release.package)
    done = _recover(under_way, attempts)
    telling.say(f"{found.name}: an interrupted {found.action} was {done}")
    return done


def _change(home: Home, telling: Telling, found: Record) -> Change:
    return Change(home, telling, found, _release(home, found.old), _release(home, found.new))


def _recover(found: Change, attempts: int) -> str:
    entry = found.record
    if change.has_ended(found) and entry.action != REMOVE:
        record.remove(found.home)  # all but this was done
        return "finished"
    if entry.action == REMOVE:
        return _recover_removal(found)
    if entry.phase == RETURNING:
        change.go_back(found, entry.reason)
        return "undone"
    if not change.is_committed(found) or entry.attempts >= attempts:
        change.undo(found, "interrupted, before it was known to be good")
        return "undone"
    try:
        change.finish(found)
    except (TargetError, OSError) as error:
        change.go_back(found, str(error))
        return "undone"
    return "finished"


def _recover_removal(found: Change) -> str:
    if not removal.is_committed(found):
        removal.abandon(found)
        return "undone"
    found.telling.warn(*removal.finish(found))
    return "finished"


def _sweep(home: Home, telling: Telling, places: Iterable[str]) -> None:
    for fault in (fault for place in places for fault in home.directory.sweep(place)):
        telling.warn(f"{fault.filename}: could not be removed: {reason(fault)}")


def _release(home: Home, name: str) -> Release | None:
    """A release as the disk has it; None where it is not there any more, or damaged."""
    try:
        return releases.read(home, name) if name else None
    except RefusedError:
        return None


def _beside(change: Change) -> set[str]:
    """The directories that hold what lies beside the releases."""
    before = removed.left(change.home, change.record.name)
    layouts = (each.layout for each in (change.old, change.new, before) if each)
    kept = (entry for layout in layouts for entry in (*layout.conffiles, *layout.data))
    return {entry.path.rpartition("/")[0] for entry in kept}
