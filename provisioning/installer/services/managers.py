"""Gives the service manager, systemd or launchd, the services of a package."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provisioning.errors import TargetError
from provisioning.installer.services import launchd, systemd
from provisioning.installer.services.subprocesses import SYSTEM
from provisioning.installer.store.durable import Directory, Owned

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package
    from provisioning.installer.services.subprocesses import ServiceFile, System

_MANAGERS = {"systemd": systemd, "launchd": launchd}


def manager_of(package: Package) -> ModuleType:
    """Return the module for the service manager of a package that names one."""
    return _MANAGERS[package.service_manager]


def names(package: Package) -> list[str]:
    """Return the service manager's names for the services of a package."""
    return [manager_of(package).name(package, each.name) for each in package.services]


def faults(system: System, manifest: Manifest) -> list[str]:
    """Return which services or files of others have a name that a package needs."""
    package = manifest.package
    if not package.service_manager:
        return []
    needed = manager_of(package).files(manifest, {})
    with _units(system, package) as units:
        found = [
            f"{system.root / path}: does not belong to {package.name}; remove it, or rename the"
            " service"
            for name in needed
            for path in units.strangers(name)
        ]
        found += [  # guard: alias-of-a-unit
            f"{system.root / path}: does not belong to {package.name}, and also gets the name"
            f" {name} when enabled (Alias=); rename the service"
            for path, name in units.aliases(needed)
        ]
    return found


def sweep(system: System, package: Package) -> None:
    """Remove temporary files of killed runs among those of the service manager. Raises OSError."""
    if package.service_manager:
        with _units(system, package) as units:
            units.sweep()


def guard(system: System, package: Package) -> None:
    """Install the unit that ends an interrupted change at the next boot.

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
    """Give the service manager the services of `manifest`, and no other of the package.

    Services that are gone are stopped first. What an administrator has disabled stays disabled.
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
    """Return the services that somebody has stopped, disabled or masked. Raises TargetError."""
    if not package.services or not system.runs or system.boots:
        return []
    found: list[str] = manager_of(package).resting(names(package))
    return found


def restart(system: System, package: Package, resting: Collection[str] = ()) -> None:
    """Start or restart the services of a package, except those that rest. Raises TargetError."""
    # guard: resting-is-not-asked
    wanted = [name for name in names(package) if name not in resting] if package.services else []
    if wanted and system.runs and not system.boots:
        manager = manager_of(package)
        manager.restart(wanted, f"/{manager.DIRECTORY}")


def stop(system: System, package: Package) -> None:
    """Stop the services of a package. Raises TargetError."""
    if package.services and system.runs and not system.boots:
        manager_of(package).stop(names(package))


def withhold(system: System, package: Package) -> None:
    """Keep services from being started by the machine that is starting. Raises TargetError."""
    if package.services and system.runs:
        manager_of(package).withhold(names(package))


def go_on_later(package: Package, command: Sequence[str]) -> None:
    """Run a command when the machine has started the services. Raises TargetError."""
    manager_of(package).go_on_later(package, names(package), command)


@contextmanager
def _units(system: System, package: Package) -> Iterator[Units]:
    with Directory(system.root, package.name) as root:
        yield Units(root, system.root, package, manager_of(package))


_OPEN = Owned(0o755)
_MOVED = ".moved"  # behind the name of an older tool's file, until there is one of today's


class Units:
    """The files of a service manager for a package, below the root of a system. Raises OSError."""

    def __init__(self, root: Directory, path: Path, package: Package, manager: ModuleType) -> None:
        self._root, self._package, self._manager = root, package, manager
        self._directory, self._former, self._wants = (
            _really(path, each) for each in (manager.DIRECTORY, manager.FORMER, manager.WANTS)
        )

    def names(self) -> list[str]:
        """Return the names of the files that were made for the package, by any version."""
        places = filter(None, (self._directory, self._former))
        found = {name for place in places for name in self._root.names(place)}
        plain = {name.removesuffix(_MOVED) for name in found}
        units = (name for name in sorted(plain) if name.endswith(self._manager.SUFFIX))
        return [name for name in units if self._own(name)]

    def strangers(self, name: str) -> Iterator[str]:
        """Return where the service manager has a file of that name that is not the package's."""
        yield from filter(self._is_strange, self._paths(name))
        yield from self._manager.others(self._root, name)  # guard: unit-of-others

    def aliases(self, names: Collection[str]) -> Iterator[tuple[str, str]]:
        """Return other services that have, or may get, one of these names; and which name."""
        for path, name in self._manager.aliases(self._root, names):
            if not self._is_own(path):
                yield path, name

    def put(self, wanted: Mapping[str, ServiceFile]) -> bool:
        """Write these files, and return whether anything changed. Raises TargetError."""
        for place in filter(None, (self._directory, self._wants)):
            parts = place.split("/")
            for number in range(1, len(parts) + 1):
                self._root.make("/".join(parts[:number]), _OPEN)
        changed = [self._put(name, file) for name, file in wanted.items()]
        return any(changed)

    def remove(self, name: str) -> None:
        """Remove the file of that name. What somebody has masked stays masked."""
        if self._wants:
            self._root.remove(f"{self._wants}/{name}")
        for path in self._own(name):
            self._root.remove(path)

    def sweep(self) -> None:
        """Remove temporary files of killed runs."""
        for place in filter(None, (self._directory, self._former, self._wants)):
            self._root.sweep(place)

    def _put(self, name: str, file: ServiceFile) -> bool:
        path, *former = self._paths(name)
        for each in filter(self._is_strange, (path, *former)):
            raise TargetError(f"/{each}: does not belong to {self._package.name}")
        own = self._own(name)
        moved = [f"{each}{_MOVED}" for each in former]
        for each in {*own} & {*former}:  # beside a new one, it would be taken for a copy
            self._root.move(each, f"{each}{_MOVED}")
        is_moved = any(map(self._root.status, moved))
        self._enable(name, is_new=not own, is_moved=is_moved)
        changed = self._root.read(path) != file.data
        if changed:
            self._root.write(path, file.data, Owned(file.mode))
        for each in moved:
            self._root.remove(each)
        return changed or is_moved

    def _enable(self, name: str, *, is_new: bool, is_moved: bool) -> None:
        """Enable a new file, and one that has moved if it was enabled.

        Before the file is written: where the file is, it was enabled, or disabled since.
        """
        link = f"{self._wants}/{name}"
        if self._wants and (is_new or (is_moved and self._root.status(link))):  # guard: enable-once
            self._root.link(link, f"/{self._manager.DIRECTORY}/{name}")

    def _paths(self, name: str) -> list[str]:
        """The places of a file: today's, and that of older tools."""
        return [f"{place}/{name}" for place in (self._directory, self._former) if place]

    def _own(self, name: str) -> list[str]:
        """Where there is a file that this tool has made, or an older one.

        A file at the place of older tools, beside one at today's place, is a copy that somebody has
        made to change it, as `systemctl edit --full` does.
        """
        found = [*filter(self._is_own, self._paths(name))][:1]
        moved = f"{self._former}/{name}{_MOVED}"
        return [*found, *([moved] if self._former and self._root.status(moved) else [])]

    def _is_own(self, path: str) -> bool:
        data = self._root.read(path)
        return data is not None and self._manager.is_of(self._package, data)

    def _is_strange(self, path: str) -> bool:
        is_there = self._root.status(path) is not None
        return is_there and not self._is_own(path) and not self._manager.is_mask(self._root, path)


def _really(root: Path, path: str) -> str:
    """The real path of a directory of the system: links on the way are the administrator's."""
    return os.path.realpath(root / path)[1:] if path and root == SYSTEM else path
