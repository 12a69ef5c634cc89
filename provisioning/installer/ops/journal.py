"""What is written in `state/`: the record of a change under way, the history, what was removed.

A record is there only while a change is under way. A run that finds one knows that an earlier one
was killed, and from the record what to finish or undo.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model import manifest
from provisioning.artifact.model.placement import CURRENT, STATE
from provisioning.errors import ArtifactError, RefusedError, TargetError
from provisioning.installer.store import owners, releases
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.releases import is_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

RECORD = f"{STATE}/transaction.json"
INSTALL, UPGRADE, ROLLBACK, REMOVE = ACTIONS = ("install", "upgrade", "rollback", "remove")

BEGUN, SWITCHING, RETURNING, PREPARED, STARTING = PHASES = (
    *("begun", "switching", "returning"),
    *("prepared", "starting"),
)
"""Nothing of the old release was touched; it may be current, or no longer; it must be again.

The last two: the machine was not running, and its first start has to go on; its services start."""

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
    """The one that becomes current."""
    previous: str
    """The one that was previous."""
    phase: str
    """One of PHASES."""
    attempts: int
    """How often the new release was started, or the old one again."""
    purge: bool
    """Whether a removal removes configuration and data, too."""
    tool: str
    """The SHA-256 of the tool that began it."""
    reason: str
    """Why it must be undone; "" if it need not be."""
    resting: str
    """The services that somebody had stopped before, and that stay stopped, with blanks between."""
    coming: str
    """The users that the first start of the machine creates, with blanks between."""


def read_record(home: Home) -> Record | None:
    """Return the record of the change under way. Raises TargetError if it is invalid."""
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
            f"{home.path / RECORD}: is not a record of this tool; update the tool, unless"
            " somebody has edited the file"
        )
    return record


def tool_of(home: Home) -> str:
    """Return the SHA-256 of the tool that began the change, in a record of any version."""
    return _field(home, "tool")


def is_of_removal(home: Home) -> bool:
    """Whether a removal is under way, by a record of any version."""
    return _field(home, "action") == REMOVE


def removed_by(home: Home) -> str:
    """Return the release that a removal under way removes; "" if none is."""
    return _field(home, "old") if is_of_removal(home) else ""


def write_record(home: Home, record: Record) -> None:
    """Write the record to the disk."""
    # Older tools look into a record, too, and know no `coming`.
    fields = {key: value for key, value in record._asdict().items() if (key, value) != _NONE_COMES}
    text = json.dumps({"format": _FORMAT, **fields}, indent=1, sort_keys=True)
    home.directory.write(RECORD, f"{text}\n".encode(), _RECORD_OWNED)


def remove_record(home: Home) -> None:
    """Remove the record: the change has ended."""
    home.directory.remove(RECORD)


def _field(home: Home, name: str) -> str:
    try:
        found = json.loads(home.directory.read(RECORD) or b"{}")[name]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


_NONE_COMES = ("coming", "")
_BEFORE = {"resting": "", "coming": ""}  # what the records of older versions do not have
_LIKE_RECORD = Record(0, "", "", "", "", "", "", 0, False, "", "", "", "")  # noqa: FBT003 - types, in order

HISTORY = f"{STATE}/history"
DONE, FAILED = OUTCOMES = ("done", "failed")

_MOST = 500  # lines that are kept
_HISTORY_OWNED = Owned(0o644)


class Event(NamedTuple):
    """One change, and its outcome."""

    sequence: int
    """Of the changes to this package, from 1."""
    time: str
    """When it ended, in UTC."""
    action: str
    """One of ACTIONS."""
    release: str
    """The release that became current, or should have; of a removal, the one that was removed."""
    version: str
    old: str
    """The release that was current before, "" for none."""
    outcome: str
    """One of OUTCOMES."""
    reason: str
    """Why it failed; "" if it did not."""
    owned: bool
    """Whether files have the owners that the package names: only root can give them."""


def read_history(home: Home) -> tuple[Event, ...]:
    """Return all events, the oldest first. An invalid line is left out."""
    data = home.directory.read(HISTORY) or b""
    return tuple(event for line in data.splitlines() if (event := _event(line)))


def known(home: Home) -> tuple[Event, ...] | None:
    """Return all events; None if this user may not read them: they quote what programs said."""
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
    """Return the number of the next change."""
    events = read_history(home)
    return events[-1].sequence + 1 if events else 1  # guard: number-of-an-event


def last_of(events: Iterable[Event], release: str) -> Event | None:
    """Return the last event about a release."""
    found = [event for event in events if event.release == release]
    return found[-1] if found else None


def has_come_up(events: Iterable[Event], release: str) -> bool:
    """Whether a release is good: it came up once, even if it failed later."""
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
    """Note the release that is about to be removed."""
    home.directory.write(REMOVED, release.data, _REMOVED_OWNED)


def left(home: Home, name: str = "") -> Release | None:
    """Return what was installed here when the package `name`, or any, was removed last."""
    data = home.directory.read(REMOVED)
    if data is None:
        return None
    try:
        parsed = manifest.parse(data, REMOVED)
        called = releases.name_of(parsed.package, data)
        found = releases.laid_out(called, data, parsed, REMOVED, owners.accounts(home.root))
    except (ArtifactError, RefusedError):
        return None
    package = found.package
    is_its_own = package.prefix == home.prefix and name in {"", package.name}
    return found if is_its_own and called in _removed(home) else None  # guard: removed-by-manifest


def doubt(home: Home, name: str) -> str:
    """Return a warning if the note of a removal is not by a removal of this package; "" if it is.

    If a release is current, nobody needs that note.
    """
    if home.directory.status(CURRENT) or not home.directory.status(REMOVED) or left(home, name):
        return ""
    return (
        f"{home.path / REMOVED}: was not left by a removal of {name}, and is ignored:"
        " missing configuration files are installed again"
    )


def _removed(home: Home) -> set[str]:
    """The release that is being removed, or that the last successful change removed."""
    done = [event for event in read_history(home) if event.outcome == DONE]
    last = [done[-1].release] if done and done[-1].action == REMOVE else []
    under_way = removed_by(home)
    return {releases.plain_name(each) for each in (*last, under_way) if each}
