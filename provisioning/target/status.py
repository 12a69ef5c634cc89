"""Knows how a package is installed: what is current, what else is there, what is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioning.artifact.installed import CURRENT, PREVIOUS
from provisioning.target import history, record, releases
from provisioning.target.home import looked_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from provisioning.target.history import Event

GOOD, BAD, UNKNOWN = "good", "did not come up", "was never current"


def status(root: Path, name: str, prefix: str) -> dict[str, Any]:
    """Tell of the package in a prefix; what is not there is empty. Raises RefusedError."""
    with looked_at(root, prefix) as home:
        current, events = releases.at(home, CURRENT), history.read(home)
        found = record.read(home)
        last = history.last_of(events, current)
        return {
            "name": releases.read(home, current).package.name if current else name,
            "version": releases.version_of(current) if current else "",
            "prefix": prefix,
            "current": current,
            "previous": releases.at(home, PREVIOUS),
            "owned": last.owned if last else True,
            "interrupted": found.action if found else "",
            "releases": [
                {"name": each, "state": _state(events, each)} for each in releases.names(home)
            ],
        }


def _state(events: Sequence[Event], release: str) -> str:
    if history.has_come_up(events, release):
        return GOOD
    return BAD if history.last_of(events, release) else UNKNOWN
