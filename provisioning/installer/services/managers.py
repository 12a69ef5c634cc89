"""Knows how a machine is given the services of a package, and no others of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from provisioning.installer.services import launchd, systemd
from provisioning.installer.services.units import Units
from provisioning.installer.store.durable import Directory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from types import ModuleType

    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package
    from provisioning.installer.services.subprocesses import System

_MANAGERS = {"systemd": systemd, "launchd": launchd}


def manager_of(package: Package) -> ModuleType:
    """The module that speaks with the service manager of a package that names one."""
    return _MANAGERS[package.service_manager]


def names(package: Package) -> list[str]:
    """What the service manager calls the services of a package."""
    return [manager_of(package).name(package, each.name) for each in package.services]


def faults(system: System, manifest: Manifest) -> list[str]:
    """Tell what the service manager knows by a name that a package needs, and is another's."""
    package = manifest.package
    if not package.service_manager:
        return []
    needed = manager_of(package).files(manifest, {})
    with _units(system, package) as units:
        found = [
            f"{system.root / path}: is not of {package.name}; remove it, or call the service"
            " another name"
            for name in needed
            for path in units.strangers(name)
        ]
        found += [  # guard: alias-of-a-unit
            f"{system.root / path}: is not of {package.name}, and goes by the name {name} too where"
            " it is enabled (Alias=); call the service another name"
            for path, name in units.aliases(needed)
        ]
    return found


def sweep(system: System, package: Package) -> None:
    """Remove what runs that were killed have left among the files of the service manager.

    Raises OSError.
    """
    if package.service_manager:
        with _units(system, package) as units:
            units.sweep()


def guard(system: System, package: Package) -> None:
    """Have there what sees to an interrupted change when the machine starts.

    Raises TargetError, and OSError.
    """
    if not package.service_manager:
        return
    manager = manager_of(package)
    with _units(system, package) as units:
        changed = units.put(manager.guard(package))
    if changed and system.runs:
        manager.reload()


def arrange(
    system: System, package: Package, manifest: Manifest | None, values: Mapping[str, str]
) -> None:
    """Have the services of a package known to the service manager: those of `manifest` alone.

    Whoever is not there any more is stopped first. What an administrator has disabled stays so.
    Raises TargetError, and OSError.
    """
    if not package.service_manager:
        return
    manager = manager_of(package)
    wanted = manager.files(manifest, values) if manifest else {}
    with _units(system, package) as units:
        doomed = [name for name in units.names() if name not in wanted]
        if system.runs and not system.boots:
            manager.stop([name for name in doomed if name not in manager.guard(package)])
        for name in doomed:
            units.remove(name)
        changed = units.put(wanted)
    if system.runs and (doomed or changed):
        manager.reload()


def resting(system: System, package: Package) -> list[str]:
    """Which services of a package somebody has stopped, disabled or masked. Raises TargetError."""
    if not package.services or not system.runs or system.boots:
        return []
    found: list[str] = manager_of(package).resting(names(package))
    return found


def restart(system: System, package: Package, resting: Collection[str] = ()) -> None:
    """Have the services of a package run what is current now, but those that rest.

    Raises TargetError.
    """
    # guard: resting-is-not-asked
    wanted = [name for name in names(package) if name not in resting] if package.services else []
    if wanted and system.runs and not system.boots:
        manager = manager_of(package)
        manager.restart(wanted, f"/{manager.DIRECTORY}")


def stop(system: System, package: Package) -> None:
    """Have no service of a package run. Raises TargetError."""
    if package.services and system.runs and not system.boots:
        manager_of(package).stop(names(package))


@contextmanager
def _units(system: System, package: Package) -> Iterator[Units]:
    with Directory(system.root, package.name) as root:
        yield Units(root, system.root, package, manager_of(package))
