"""Knows how another release that lies in the prefix becomes current again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.installed import CURRENT, PREVIOUS
from provisioning.artifact.path import shown
from provisioning.errors import RefusedError
from provisioning.target import configuration, history, releases, running
from provisioning.target.configuration import Kept
from provisioning.target.history import DONE
from provisioning.target.install import differences
from provisioning.target.plan import Plan
from provisioning.target.record import ROLLBACK

if TYPE_CHECKING:
    from provisioning.target.home import Home


def planned(home: Home, version: str) -> Plan:
    """What is to be done to have a version again, or "" for the one before the current.

    Raises:
        RefusedError: there is no such release, or it is damaged, or current.
    """
    current, previous = releases.at(home, CURRENT), releases.at(home, PREVIOUS)
    if not current:
        raise RefusedError(f"{home.path}: nothing is installed")
    name = _named(home, version) if version else previous
    if not name:
        raise RefusedError(f"{home.path}: there is no release before the current one")
    if name == current:
        raise RefusedError(f"{home.path}: {version} is current already")
    old = releases.read(home, current)
    new = releases.read(home, name, old)
    found = differences(home, new)
    if found:
        raise RefusedError(
            f"{home.path / new.path}: is damaged ({found[0]}); install the package again"
        )
    running.demand_ready(home, new)
    then = configuration.kept(home, name)
    decided = configuration.decide_back(home, old.layout, new.layout, then)
    kept = Kept(decided, configuration.absent(home, new.layout, decided))
    return Plan(ROLLBACK, old, new, previous, kept, new.package, is_there=True)


def _named(home: Home, version: str) -> str:
    """The release of a version, or of that name: of several, the one that came up last.

    Only where none ever came up, it is the one that was tried last.
    """
    names = releases.names(home)
    if version in names:
        return version
    found = [name for name in names if releases.version_of(name) == version]
    events = [event for event in history.read(home) if event.release in found]
    came_up = [event.release for event in events if event.outcome == DONE]
    if not found:
        known = ", ".join(map(releases.version_of, names))
        raise RefusedError(f"{home.path}: there is no release {shown(version)}; there are {known}")
    return (came_up or [event.release for event in events] or found)[-1]
