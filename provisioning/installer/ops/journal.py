"""Knows the record of a change that is under way: there while it is, and gone when it has ended.

Who finds one knows that somebody was killed, and from it what to finish or to undo.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model import manifest
from provisioning.artifact.model.placement import CURRENT, STATE
from provisioning.errors import ArtifactError, RefusedError, TargetError
from provisioning.installer.store import releases
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.releases import is_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release


RECORD = f"{STATE}/transaction.json"
INSTALL, UPGRADE, ROLLBACK, REMOVE = ACTIONS = ("install", "upgrade", "rollback", "remove")

BEGUN, SWITCHING, RETURNING = PHASES = ("begun", "switching", "returning")
"""Nothing of the old release was touched; it may be current, or no more; it has to be again."""

_FORMAT = "doit-provisioning/transaction/1"
_RECORD_OWNED = Owned(0o600)


class Record(NamedTuple):
    """A change under way. Releases go by their names, "" for none."""

    sequence: int
    action: str
    """One of ACTIONS."""
    name: str
    """The package's."""
    old: str
    """The release that was current."""
    new: str
    """The one that shall be."""
    previous: str
    """The one that was previous."""
    phase: str
    """One of PHASES."""
    attempts: int
    """How often the new release was started, or the old one again."""
    purge: bool
    """Of a removal: whether configuration and data go too."""
    tool: str
    """The SHA-256 of the tool that began it."""
    reason: str
    """Why it has to be undone; "" as long as it has not."""
    resting: str
    """The services that somebody had stopped before, and that stay so: names, blanks between."""


def read_record(home: Home) -> Record | None:
    """The record of the change that is under way in a prefix. Raises TargetError for nonsense."""
    data = home.directory.read(RECORD)
    if data is None:
        return None
    try:
        fields = json.loads(data)
        format, record = fields.pop("format"), Record(**{**_BEFORE, **fields})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        format, record = "", None
    types = [type(value) for value in record or ()]
    if format != _FORMAT or record is None or types != [type(value) for value in _LIKE_RECORD]:
        raise TargetError(
            f"{home.path / RECORD}: is not a record of this tool; if {home.path} was not changed by"
            " hand, update the tool"
        )
    return record


def tool_of(home: Home) -> str:
    """The SHA-256 of the tool that began the change under way, whatever its record looks like."""
    return _field(home, "tool")


def is_of_removal(home: Home) -> bool:
    """Tell whether a removal is under way, whatever its record looks like otherwise."""
    return _field(home, "action") == REMOVE


def removed_by(home: Home) -> str:
    """The release that goes in a removal under way; "" if none is."""
    return _field(home, "old") if is_of_removal(home) else ""


def write_record(home: Home, record: Record) -> None:
    """Have the record on the disk."""
    text = json.dumps({"format": _FORMAT, **record._asdict()}, indent=1, sort_keys=True)
    home.directory.write(RECORD, f"{text}\n".encode(), _RECORD_OWNED)


def remove_record(home: Home) -> None:
    """Have no record: the change has ended."""
    home.directory.remove(RECORD)


def _field(home: Home, name: str) -> str:
    try:
        found = json.loads(home.directory.read(RECORD) or b"{}")[name]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


_BEFORE = {"resting": ""}  # what the records of older versions do not have: they asked nobody
_LIKE_RECORD = Record(0, "", "", "", "", "", "", 0, False, "", "", "")  # noqa: FBT003 - types, in order


HISTORY = f"{STATE}/history"
DONE, FAILED = OUTCOMES = ("done", "failed")

_MOST = 500  # lines that are kept
_HISTORY_OWNED = Owned(0o644)


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


def read_history(home: Home) -> tuple[Event, ...]:
    """All that is known, the oldest first. A line that makes no sense is no event."""
    data = home.directory.read(HISTORY) or b""
    return tuple(event for line in data.splitlines() if (event := _event(line)))


def known(home: Home) -> tuple[Event, ...] | None:
    """The same for everybody; None to whom may not know it: what programs said is in it, too."""
    try:
        return read_history(home)
    except PermissionError:
        return None


def add(home: Home, event: Event) -> None:
    """Add an event, unless the last one is of the same change."""
    events = read_history(home)
    if not events or events[-1].sequence != event.sequence:
        lines = [json.dumps(each._asdict()) for each in (*events, event)[-_MOST:]]
        home.directory.write(
            HISTORY, "".join(f"{line}\n" for line in lines).encode(), _HISTORY_OWNED
        )


def next_sequence(home: Home) -> int:
    """The number of the next change."""
    events = read_history(home)
    return events[-1].sequence + 1 if events else 1  # guard: number-of-an-event


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
    # guard: release-of-an-event
    is_event = types == [type(value) for value in _LIKE_EVENT] and is_name(event.release)
    return event if is_event else None


_LIKE_EVENT = Event(0, "", "", "", "", "", "", "", False)  # noqa: FBT003


REMOVED = f"{STATE}/removed.json"
"""The manifest of the release that was removed."""

_REMOVED_OWNED = Owned(0o600)


def note_removed(home: Home, release: Release) -> None:
    """Note what is about to be removed."""
    home.directory.write(REMOVED, release.data, _REMOVED_OWNED)


def left(home: Home, name: str = "") -> Release | None:
    """What was installed here when the package `name`, or whichever, was removed last."""
    data = home.directory.read(REMOVED)
    if data is None:
        return None
    try:
        parsed = manifest.parse(data, REMOVED)
        called = releases.name_of(parsed.package, data)
        found = releases.laid_out(called, data, parsed, REMOVED)
    except (ArtifactError, RefusedError):
        return None
    package = found.package
    is_its_own = package.prefix == home.prefix and name in {"", package.name}
    # guard: removed-by-its-manifest
    return found if is_its_own and called in _removed(home) else None


def doubt(home: Home, name: str) -> str:
    """Tell that what lies there was not left by a removal of a package; "" if it was, or nothing.

    Where something is current, nobody asks what was removed.
    """
    if home.directory.status(CURRENT) or not home.directory.status(REMOVED) or left(home, name):
        return ""
    return (
        f"{home.path / REMOVED}: was not left by a removal of {name}, and is not believed:"
        " configuration files that are missing are installed"
    )


def _removed(home: Home) -> set[str]:
    """The release that is being removed, or was with the last change that was not undone."""
    done = [event for event in read_history(home) if event.outcome == DONE]
    last = [done[-1].release] if done and done[-1].action == REMOVE else []
    under_way = removed_by(home)
    return {releases.plain_name(each) for each in (*last, under_way) if each}
