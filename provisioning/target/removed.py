"""Knows what was installed in a prefix when its package was removed last, and whether that is so.

It tells which configuration files their user has deleted since: whoever believed what somebody has
copied there, or what was left of another package, would install none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import manifest
from provisioning.artifact.installed import CURRENT, STATE
from provisioning.errors import ArtifactError, RefusedError
from provisioning.target import history, record, releases
from provisioning.target.durable import Owned
from provisioning.target.history import DONE
from provisioning.target.record import REMOVE

if TYPE_CHECKING:
    from provisioning.target.home import Home
    from provisioning.target.releases import Release

PATH = f"{STATE}/removed.json"
"""The manifest of the release that was removed."""

_OWNED = Owned(0o600)


def note(home: Home, release: Release) -> None:
    """Note what is about to be removed."""
    home.directory.write(PATH, release.data, _OWNED)


def left(home: Home, name: str = "") -> Release | None:
    """What was installed here when the package `name`, or whichever, was removed last."""
    data = home.directory.read(PATH)
    if data is None:
        return None
    try:
        parsed = manifest.parse(data, PATH)
        called = releases.name_of(parsed.package, data)
        found = releases.laid_out(called, data, parsed, PATH)
    except (ArtifactError, RefusedError):
        return None
    package = found.package
    is_its_own = package.prefix == home.prefix and name in {"", package.name}
    return found if is_its_own and called in _removed(home) else None


def doubt(home: Home, name: str) -> str:
    """Tell that what lies there was not left by a removal of a package; "" if it was, or nothing.

    Where something is current, nobody asks what was removed.
    """
    if home.directory.status(CURRENT) or not home.directory.status(PATH) or left(home, name):
        return ""
    return (
        f"{home.path / PATH}: was not left by a removal of {name}, and is not believed:"
        " configuration files that are missing are installed"
    )


def _removed(home: Home) -> set[str]:
    """The release that is being removed, or was with the last change that was not undone."""
    done = [event for event in history.read(home) if event.outcome == DONE]
    last = [done[-1].release] if done and done[-1].action == REMOVE else []
    under_way = record.removed_by(home)
    return {releases.plain_name(each) for each in (*last, under_way) if each}
