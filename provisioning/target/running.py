"""Knows what runs of a package around a change of its release: hooks and services.

In a rehearsal nothing runs, and files alone say what would: units, and no user is made.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provisioning.artifact import device
from provisioning.artifact.cache import equipped
from provisioning.artifact.files import reason
from provisioning.artifact.path import DEVICE, STATE
from provisioning.errors import RefusedError, TargetError
from provisioning.target import bytecode, health, hooks, orphan, reach, services, system, users
from provisioning.target.durable import Owned
from provisioning.target.hooks import Occasion
from provisioning.target.trust import doubt_about

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from provisioning.artifact.package import Package
    from provisioning.target.home import Home
    from provisioning.target.record import Record
    from provisioning.target.releases import Release

_LOG = Owned(0o600)
_PLATFORMS = {"systemd": "linux", "launchd": "darwin"}


def demand_ready(home: Home, new: Release) -> None:
    """Demand that all is there for a release to run. Raises RefusedError, which tells all."""
    found = services.faults(_system(home, new.package), new.manifest)
    if not home.is_rehearsal:
        found += _foreign(new.package)
        found += _open_to_others(home, new.package)
        found += reach.faults(home, new)
        found += users.faults(new.package)
        found += device.faults(new.package.device, _values_file(home, new.package))
    if found:
        raise RefusedError("\n".join(found))


def users_to_make(home: Home, package: Package) -> list[str]:
    """Who runs services, and is not on this machine yet."""
    return [] if home.is_rehearsal else users.wanted(package)


def make_users(home: Home, package: Package) -> list[str]:
    """Have those on this machine who run services: who had to be made. Raises TargetError."""
    return [] if home.is_rehearsal else users.make(home, package)


def remove_users(home: Home) -> list[str]:
    """Have those on this machine no more who were made for services: why one still is.

    Somebody may have started something as such a user, and then the user stays.
    """
    return [] if home.is_rehearsal else users.remove(home)


def sweep(home: Home, package: Package) -> None:
    """Remove what runs that were killed have left outside the prefix. Raises TargetError."""
    with _told(package):
        services.sweep(_system(home, package), package)


def guard(home: Home, package: Package) -> None:
    """Have a change that is interrupted seen to when the machine starts. Raises TargetError."""
    sweep(home, package)
    with _told(package):
        services.guard(_system(home, package), package)


def run_hook(home: Home, record: Record, name: str, releases: tuple[Release | None, ...]) -> None:
    """Run a hook, if the release that it belongs to has one. Raises TargetError.

    Of a release that comes and of one that goes, those are the hooks that its own package has.
    """
    old, new = releases
    owner = new or old
    hook = owner and next((each for each in owner.package.hooks if each.name == name), None)
    if owner is None or hook is None or home.is_rehearsal:
        return
    doubt = doubt_about(home, owner.path)
    if doubt:
        raise TargetError(f"{name}: is not run, since {doubt}")
    before = old.package.version if old else ""
    where = str(home.path / owner.path)
    with bytecode.cache(home, owner) as cache:
        occasion = Occasion(owner.package, where, before, record.action, cache)
        with orphan.noting(home) as begun:
            output, fault = hooks.run_hook(hook, occasion, begun)
    log = f"{STATE}/{name}.log"
    home.directory.write(log, output, _LOG)
    if fault:
        raise TargetError(f"{fault}; what it said is in {home.path / log}")


def resting(home: Home, old: Release | None) -> list[str]:
    """The services of a release that somebody has stopped, disabled or masked.

    Raises TargetError.
    """
    return services.resting(_system(home, old.package), old.package) if old else []


def start(
    home: Home, old: Release | None, new: Release | None, resting: Collection[str] = ()
) -> None:
    """Have the services of `new` run, and no other of `old`, and wait until they are well.

    Those that are `resting` are left as they are. Raises TargetError.
    """
    if old and (new is None or new.package.service_manager != old.package.service_manager):
        forget(home, old.package)
    if new is None:
        return
    package, at = equipped(*new.manifest), _system(home, new.package)
    values = device.values(package.device, _values_file(home, package).data)
    with _told(package):
        make_users(home, package)
        bytecode.renew(home, package)
        services.arrange(at, package, new.manifest._replace(package=package), values)
    services.restart(at, package, resting)
    fault = health.fault(at, package, values, resting)
    if fault:
        raise TargetError(fault)


def note(home: Home, new: Release) -> str:
    """What somebody should know who has installed a release, "" if nothing."""
    package = new.package
    if not package.services or home.is_rehearsal or _system(home, package).runs:
        return ""
    return f"{package.service_manager} does not run here: services were enabled, and not started"


def stop(home: Home, old: Release) -> None:
    """Have no service of a release run any more. Raises TargetError."""
    services.stop(_system(home, old.package), old.package)


def forget(home: Home, package: Package) -> None:
    """Have the service manager know nothing of a package. Raises TargetError."""
    with _told(package):
        services.arrange(_system(home, package), package, None, {})
        bytecode.forget(home, package)


def _system(home: Home, package: Package) -> system.System:
    return system.at(home.root, package.service_manager)


def _foreign(package: Package) -> Iterator[str]:
    """Tell what of a package cannot run on this machine, or by whoever installs it."""
    if not package.services:
        return
    manager = package.service_manager
    if not sys.platform.startswith(_PLATFORMS[manager]):
        yield f"{package.name}: has services for {manager}, which is not the one of {sys.platform}"
    elif os.geteuid() != 0:
        yield f"{package.name}: has services, which root alone can install"


def _open_to_others(home: Home, package: Package) -> Iterator[str]:
    """Tell who could exchange what is run of a package by the one who installs it."""
    doubt = doubt_about(home, "") if package.hooks or package.services else ""
    if doubt:
        yield f"{package.name}: has what runs from {home.path}, but {doubt}; change that"


def _values_file(home: Home, package: Package) -> device.File:
    status, data = home.directory.status(DEVICE), home.directory.read(DEVICE)
    return device.File(f"{package.prefix}/{DEVICE}", data or b"", status)


@contextmanager
def _told(package: Package) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(f"{package.name}: {reason(error)}") from None
