"""Removes releases that are no longer needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.model.placement import CURRENT, PREVIOUS
from provisioning.installer.ops import journal
from provisioning.installer.ops.journal import DONE
from provisioning.installer.store import configuration, releases, trusted_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provisioning.installer.ops.journal import Event
    from provisioning.installer.store.prefix import Home

KEEP = 3


def doomed(names: Iterable[str], needed: set[str], events: Sequence[Event], keep: int) -> list[str]:
    """Return which releases can go: all but the `needed` ones and the last `keep` good ones.

    A release is good if it came up once: what stops it now may be a port that is taken. Of several
    copies of one, only the last that came up is good. The bad ones come first.
    """
    good: dict[str, str] = {}
    for event in events:  # guard: order-of-events
        if event.outcome == DONE:  # guard: bad-releases-do-not-count
            plain = releases.plain_name(event.release)
            good.pop(plain, None)
            good[plain] = event.release  # behind all others, whatever a clock says
    names = list(names)
    came_up = [name for name in good.values() if name in names]
    kept = {*needed, *(came_up[-keep:] if keep else ())}  # guard: keep-needed
    bad = [name for name in names if name not in came_up]
    return [name for name in (*bad, *came_up) if name not in kept]


def clean_up(home: Home, keep: int = KEEP, *, dry_run: bool = False) -> list[str]:
    """Remove the releases that are not needed, and return their names."""
    found = doomed(releases.names(home), _needed(home), journal.read_history(home), keep)
    if not dry_run:
        for name in found:
            releases.remove(home, name)
        releases.sweep_bytecode(home)
        left = releases.names(home)
        configuration.forget(home, left)
        trusted_keys.forget(home.directory, left)
    return found


def remove_bad(home: Home, but: str) -> None:
    """Remove the releases that never came up, except the last: somebody may look into it."""
    events, kept = journal.read_history(home), {but, *_needed(home)}
    for name in releases.names(home):
        # guard: bad-releases-go-first
        is_bad = journal.last_of(events, name) and not journal.has_come_up(events, name)
        if is_bad and name not in kept:
            releases.remove(home, name)


def _needed(home: Home) -> set[str]:
    found = journal.read_record(home)
    pending = {found.old, found.new, found.previous} if found else set()
    return {releases.at(home, CURRENT), releases.at(home, PREVIOUS), *pending}  # guard: previous
