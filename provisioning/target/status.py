"""Knows how a package is installed: what is current, what else is there, what is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioning.artifact.files import reason
from provisioning.artifact.installed import CURRENT, PREVIOUS, RELEASES
from provisioning.errors import TargetError
from provisioning.target import history, record, releases
from provisioning.target.home import looked_at
from provisioning.target.registry import packages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from provisioning.target.history import Event
    from provisioning.target.home import Home
    from provisioning.target.record import Record

GOOD, BAD, UNUSED = "good", "did not come up", "was never current"
UNDER_WAY = "is not known to be good yet"
HIDDEN = "known to its owner alone"


def status(root: Path, name: str, prefix: str) -> dict[str, Any]:
    """Tell of the package in a prefix; what is not there is empty. Raises RefusedError."""
    with looked_at(root, prefix) as home:
        current, events = releases.at(home, CURRENT), history.known(home)
        found = record.read(home) if events is not None else None
        return {
            "name": releases.read(home, current).package.name if current else name,
            "version": releases.version_of(current) if current else "",
            "prefix": prefix,
            "current": current,
            "previous": releases.at(home, PREVIOUS),
            "owned": _owned(home, current, events),
            "interrupted": found.action if found else "" if events is not None else None,
            "releases": [
                {"name": each, "state": _state(events, each, found)}
                for each in releases.names(home)
            ],
        }


def status_of_all(root: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The same of all packages that are installed; of those that cannot be looked at, why not."""
    told, faults = list[dict[str, Any]](), list[str]()
    for name, prefix in packages(root).items():
        try:
            told.append(status(root, name, prefix))
        except (TargetError, OSError) as error:
            where = f"{error.filename}: {reason(error)}" if isinstance(error, OSError) else error
            faults.append(str(where))
    return told, faults


def _owned(home: Home, current: str, events: Sequence[Event] | None) -> bool:
    """Tell whether the files of the current release were given to whom the package says."""
    last = history.last_of(events or (), current)
    status = home.directory.status(f"{RELEASES}/{current}") if current and events is None else None
    return last.owned if last else status is None or status.st_uid == 0


def _state(events: Sequence[Event] | None, release: str, under_way: Record | None) -> str:
    if events is None:
        return HIDDEN
    if history.has_come_up(events, release):
        return GOOD
    if under_way and under_way.new == release:
        return UNDER_WAY
    return BAD if history.last_of(events, release) else UNUSED
