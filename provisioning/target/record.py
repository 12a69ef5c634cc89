"""Knows the record of a change that is under way: there while it is, and gone when it has ended.

Who finds one knows that somebody was killed, and from it what to finish or to undo.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.installed import STATE
from provisioning.errors import TargetError
from provisioning.target.durable import Owned

if TYPE_CHECKING:
    from provisioning.target.home import Home

PATH = f"{STATE}/transaction.json"
INSTALL, UPGRADE, ROLLBACK, REMOVE = ACTIONS = ("install", "upgrade", "rollback", "remove")

BEGUN, SWITCHING, RETURNING = PHASES = ("begun", "switching", "returning")
"""Nothing of the old release was touched; it may be current, or no more; it has to be again."""

_FORMAT = "doit-provisioning/transaction/1"
_OWNED = Owned(0o600)


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


def read(home: Home) -> Record | None:
    """The record of the change that is under way in a prefix. Raises TargetError for nonsense."""
    data = home.directory.read(PATH)
    if data is None:
        return None
    try:
        fields = json.loads(data)
        format, record = fields.pop("format"), Record(**{**_BEFORE, **fields})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        format, record = "", None
    types = [type(value) for value in record or ()]
    if format != _FORMAT or record is None or types != [type(value) for value in _LIKE]:
        raise TargetError(
            f"{home.path / PATH}: is not a record of this tool; if {home.path} was not changed by"
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


def write(home: Home, record: Record) -> None:
    """Have the record on the disk."""
    text = json.dumps({"format": _FORMAT, **record._asdict()}, indent=1, sort_keys=True)
    home.directory.write(PATH, f"{text}\n".encode(), _OWNED)


def remove(home: Home) -> None:
    """Have no record: the change has ended."""
    home.directory.remove(PATH)


def _field(home: Home, name: str) -> str:
    try:
        found = json.loads(home.directory.read(PATH) or b"{}")[name]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


_BEFORE = {"resting": ""}  # what the records of older versions do not have: they asked nobody
_LIKE = Record(0, "", "", "", "", "", "", 0, False, "", "", "")  # noqa: FBT003 - types, in order
