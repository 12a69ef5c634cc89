"""Knows what runs of a package around a change of its release: hooks and services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.errors import RefusedError

if TYPE_CHECKING:
    from provisioning.target.home import Home
    from provisioning.target.record import Record
    from provisioning.target.releases import Release


def demand_ready(home: Home, new: Release) -> None:
    """Demand that all is there for a release to run. Raises RefusedError."""
    if home.is_rehearsal:
        return
    package = new.package
    if package.services or package.hooks or package.device:
        raise RefusedError(f"{package.name}: has services, hooks or values of the device")


def run_hook(home: Home, record: Record, name: str, releases: tuple[Release | None, ...]) -> None:
    """Run a hook, if the release that it belongs to has one. Raises TargetError."""


def start(home: Home, old: Release | None, new: Release | None) -> None:
    """Have the services of `new` run, and no other of `old`, and wait until they are well.

    Raises TargetError.
    """


def stop(home: Home, old: Release) -> None:
    """Have no service of a release run any more. Raises TargetError."""
