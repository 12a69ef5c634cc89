"""Knows how a machine is given the services of a package, and no others of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.errors import TargetError
from provisioning.target import launchd, systemd
from provisioning.target.durable import Directory, Owned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import ModuleType

    from provisioning.artifact.manifest import Manifest
    from provisioning.artifact.package import Package
    from provisioning.target.manager import File
    from provisioning.target.system import System

_MANAGERS = {"systemd": systemd, "launchd": launchd}
_OPEN = Owned(0o755)


def manager_of(package: Package) -> ModuleType:
    """The module that speaks with the service manager of a package that names one."""
    return _MANAGERS[package.service_manager]


def names(package: Package) -> list[str]:
    """What the service manager calls the services of a package."""
    return [manager_of(package).name(package, each.name) for each in package.services]


def faults(system: System, manifest: Manifest) -> list[str]:
    """Tell which files of the service manager are another's, where a package needs its own."""
    package = manifest.package
    if not package.service_manager:
        return []
    manager = manager_of(package)
    with Directory(system.root) as root:
        return [
            f"{system.root / path}: is not of {package.name}; remove it, or call the service"
            " another name"
            for path in _paths(manager, manager.files(manifest, {}))
            if _is_strange(root, path, package)
        ]


def sweep(system: System, package: Package) -> None:
    """Remove what runs that were killed have left among the files of the service manager.

    Raises OSError.
    """
    if package.service_manager:
        manager = manager_of(package)
        with Directory(system.root, package.name) as root:
            root.sweep(manager.DIRECTORY)
            if manager.WANTS:
                root.sweep(manager.WANTS)


def guard(system: System, package: Package) -> None:
    """Have there what sees to an interrupted change when the machine starts.

    Raises TargetError, and OSError.
    """
    if not package.service_manager:
        return
    manager = manager_of(package)
    with Directory(system.root, package.name) as root:
        changed = _put(root, package, manager.guard(package))
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
    with Directory(system.root, package.name) as root:
        doomed = [name for name in _there(root, package) if name not in wanted]
        if system.runs and not system.boots:
            manager.stop([name for name in doomed if name not in manager.guard(package)])
        for name in doomed:
            _remove(root, manager, name)
        changed = _put(root, package, wanted)
    if system.runs and (doomed or changed):
        manager.reload()


def restart(system: System, package: Package) -> None:
    """Have the services of a package run what is current now. Raises TargetError."""
    if package.services and system.runs and not system.boots:
        manager = manager_of(package)
        manager.restart(names(package), f"/{manager.DIRECTORY}")


def stop(system: System, package: Package) -> None:
    """Have no service of a package run. Raises TargetError."""
    if package.services and system.runs and not system.boots:
        manager_of(package).stop(names(package))


def _paths(manager: ModuleType, found: Iterable[str]) -> Iterator[str]:
    return (f"{manager.DIRECTORY}/{name}" for name in found)


def _is_strange(root: Directory, path: str, package: Package) -> bool:
    data = root.read(path)
    if data is None:
        return root.status(path) is not None
    return not manager_of(package).is_of(package, data)


def _there(root: Directory, package: Package) -> list[str]:
    """The files of the service manager that were made for a package, of whichever version."""
    manager = manager_of(package)
    named = (name for name in root.names(manager.DIRECTORY) if name.endswith(manager.SUFFIX))
    contents = ((name, root.read(f"{manager.DIRECTORY}/{name}")) for name in named)
    return [name for name, data in contents if data and manager.is_of(package, data)]


def _put(root: Directory, package: Package, wanted: Mapping[str, File]) -> bool:
    """Have these files there, and tell whether one of them was not."""
    manager = manager_of(package)
    _make(root, manager.WANTS or manager.DIRECTORY)
    changed = False
    for name, file in wanted.items():
        path = f"{manager.DIRECTORY}/{name}"
        if _is_strange(root, path, package):
            raise TargetError(f"/{path}: is not of {package.name}")
        if root.read(path) == file.data:
            continue
        if manager.WANTS and root.status(path) is None:
            # Before the file: whoever finds that knows that it was enabled, or disabled since.
            root.link(f"{manager.WANTS}/{name}", f"../{name}")
        root.write(path, file.data, Owned(file.mode))
        changed = True
    return changed


def _remove(root: Directory, manager: ModuleType, name: str) -> None:
    if manager.WANTS:
        root.remove(f"{manager.WANTS}/{name}")
    root.remove(f"{manager.DIRECTORY}/{name}")


def _make(root: Directory, path: str) -> None:
    parts = path.split("/")
    for number in range(1, len(parts) + 1):
        root.make("/".join(parts[:number]), _OPEN)
