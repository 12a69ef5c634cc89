"""Knows what was done to a package on this machine, in order: one line of JSON for each change.

The order is that of the lines. A clock may be wrong, and is only for people to read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.installed import STATE
from provisioning.target.durable import Owned
from provisioning.target.releases import is_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.target.home import Home

PATH = f"{STATE}/history"
DONE, FAILED = OUTCOMES = ("done", "failed")

_MOST = 500  # lines that are kept
_OWNED = Owned(0o644)


class Event(NamedTuple):
    """One change, and what became of it."""

    sequence: int
    """Of the changes to this package, from 1."""
    time: str
    """When it ended, by the machine's clock, in UTC."""
    action: str
    """One of record.ACTIONS."""
    release: str
    """The release that it led to, or was to lead to; of a removal, the one that was removed."""
    version: str
    old: str
    """The release that was current before, "" for none."""
    outcome: str
    """One of OUTCOMES."""
    reason: str
    """Why it failed; "" if it did not."""
    owned: bool
    """Whether files were given the owners that the package names: only root can."""


def read(home: Home) -> tuple[Event, ...]:
    """All that is known, the oldest first. A line that makes no sense is no event."""
    data = home.directory.read(PATH) or b""
    return tuple(event for line in data.splitlines() if (event := _event(line)))


def known(home: Home) -> tuple[Event, ...] | None:
    """The same for everybody; None to whom may not know it: what programs said is in it, too."""
    try:
        return read(home)
    except PermissionError:
        return None


def add(home: Home, event: Event) -> None:
    """Add an event, unless the last one is of the same change."""
    events = read(home)
    if not events or events[-1].sequence != event.sequence:
        lines = [json.dumps(each._asdict()) for each in (*events, event)[-_MOST:]]
        home.directory.write(PATH, "".join(f"{line}\n" for line in lines).encode(), _OWNED)


def next_sequence(home: Home) -> int:
    """The number of the next change."""
    events = read(home)
    return events[-1].sequence + 1 if events else 1


def last_of(events: Iterable[Event], release: str) -> Event | None:
    """The last event that led, or was to lead, to a release."""
    found = [event for event in events if event.release == release]
    return found[-1] if found else None


def has_come_up(events: Iterable[Event], release: str) -> bool:
    """Tell whether a release is good: it came up once, whatever kept it from doing so again."""
    return any(event.release == release and event.outcome == DONE for event in events)


def _event(line: bytes) -> Event | None:
    try:
        event = Event(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    types = [type(value) for value in event]
    is_event = types == [type(value) for value in _LIKE] and is_name(event.release)
    return event if is_event else None


_LIKE = Event(0, "", "", "", "", "", "", "", False)  # noqa: FBT003
