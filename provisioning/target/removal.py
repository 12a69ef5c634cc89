"""Knows how a package is removed: its releases, and with `purge` what the machine had of it too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import manifest
from provisioning.artifact.files import reason
from provisioning.artifact.installed import BESIDE, CURRENT, PREVIOUS, RELEASES, STATE
from provisioning.artifact.path import DEVICE
from provisioning.errors import ArtifactError, RefusedError, TargetError
from provisioning.target import (
    configuration,
    record,
    registry,
    releases,
    running,
)
from provisioning.target.change import begun, end
from provisioning.target.durable import Owned
from provisioning.target.history import DONE
from provisioning.target.record import SWITCHING

if TYPE_CHECKING:
    from provisioning.target.change import Change
    from provisioning.target.home import Home
    from provisioning.target.releases import Release

_REMOVED = f"{STATE}/removed.json"
"""The manifest of a release that was removed: what its configuration files were."""


def left(home: Home) -> Release | None:
    """What was installed here when the package was removed last, for its configuration."""
    data = home.directory.read(_REMOVED)
    if data is None:
        return None
    try:
        return releases.laid_out("", data, manifest.parse(data, _REMOVED), _REMOVED)
    except (ArtifactError, RefusedError):
        return None


def carry_out(change: Change) -> None:
    """Remove a package. Raises TargetError if that did not begin, and nothing was changed."""
    home, old = change.home, change.old
    try:
        change = begun(change)
        running.run_hook(home, change.record, "pre_remove", (old, None))
        if old:
            home.directory.write(_REMOVED, old.data, Owned(0o600))
        change = change.noted(phase=SWITCHING)
        if old:
            running.stop(home, old)
        home.directory.remove(CURRENT)
    except (TargetError, OSError) as error:
        if is_committed(change):
            raise
        abandon(change)
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise TargetError(f"{change.record.name}: {why}; nothing was changed") from None
    except BaseException:  # a signal, or a fault of this program
        if not is_committed(change):
            abandon(change)
        raise
    finish(change)


def is_committed(change: Change) -> bool:
    """Tell whether there is no way back any more."""
    return not releases.at(change.home, CURRENT)


def abandon(change: Change) -> None:
    """Leave a package as it was."""
    if change.record.phase == SWITCHING:
        try:
            running.start(change.home, None, change.old)
        except TargetError as error:
            change.telling.warn(f"after going back: {error}")
    change.home.directory.remove(_REMOVED)
    record.remove(change.home)


def finish(change: Change) -> None:
    """Remove what is left of a package that is current no more."""
    home = change.home
    home.directory.remove(PREVIOUS)
    try:
        running.run_hook(home, change.record, "post_remove", (change.old, None))
    except TargetError as error:
        change.telling.warn(str(error))
    about = left(home)
    if about:
        running.forget(home, about.package)
    for name in releases.names(home):
        home.directory.remove_tree(f"{RELEASES}/{name}")
    home.directory.remove(RELEASES)
    configuration.forget(home, ())
    if change.record.purge and about:
        _purge(home, about)
        fault = running.remove_users(home)
        if fault:
            change.telling.warn(fault)
    end(change._replace(old=about), DONE)
    registry.strike(home)
    if change.record.purge:
        forget(home)


def _purge(home: Home, about: Release) -> None:
    for entry in about.layout.conffiles:
        for suffix in ("", *BESIDE):
            home.directory.remove(entry.path + suffix)
    for entry in about.layout.data:
        home.directory.remove_tree(entry.path)
    ways = {entry.path for entry in about.layout.above}
    if about.package.device:
        home.directory.remove(DEVICE)
        ways.add(DEVICE.partition("/")[0])
    configuration.unmake(home, sorted(ways))


def forget(home: Home) -> None:
    """Have no state any more; with it goes the lock."""
    for name in home.directory.names(STATE):
        home.directory.remove_tree(f"{STATE}/{name}")
    home.directory.remove(STATE)
