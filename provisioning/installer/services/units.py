"""Knows what a service manager tells and is given, whichever it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from provisioning.errors import TargetError
from provisioning.installer.services.subprocesses import SYSTEM
from provisioning.installer.store.durable import Owned

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    from provisioning.artifact.model.package import Package
    from provisioning.installer.store.durable import Directory


class ServiceFile(NamedTuple):
    """A file by which a service manager knows a service."""

    data: bytes
    mode: int


class State(NamedTuple):
    """How a service is."""

    active: str
    """`active` if it runs, `inactive` if it has ended well or was stopped, or another word."""
    pid: int
    """Of its main process, 0 if none runs."""
    told: str
    """The same in words."""


_OPEN = Owned(0o755)
_MOVED = ".moved"  # behind the name of an older tool's file, until there is one of today's


class Units:
    """The files of a service manager, below the root of a system. Raises OSError."""

    def __init__(self, root: Directory, path: Path, package: Package, manager: ModuleType) -> None:
        self._root, self._package, self._manager = root, package, manager
        self._directory, self._former, self._wants = (
            _really(path, each) for each in (manager.DIRECTORY, manager.FORMER, manager.WANTS)
        )

    def names(self) -> list[str]:
        """Those that were made for the package, of whichever version."""
        places = filter(None, (self._directory, self._former))
        found = {name for place in places for name in self._root.names(place)}
        plain = {name.removesuffix(_MOVED) for name in found}
        units = (name for name in sorted(plain) if name.endswith(self._manager.SUFFIX))
        return [name for name in units if self._own(name)]

    def strangers(self, name: str) -> Iterator[str]:
        """Where the service manager knows another by a name."""
        yield from filter(self._is_strange, self._paths(name))
        yield from self._manager.others(self._root, name)  # guard: unit-of-others

    def aliases(self, names: Collection[str]) -> Iterator[tuple[str, str]]:
        """Where another is, or may be, known by one of these names; and by which."""
        for path, name in self._manager.aliases(self._root, names):
            if not self._is_own(path):
                yield path, name

    def put(self, wanted: Mapping[str, ServiceFile]) -> bool:
        """Have these files there, and tell whether one of them was not. Raises TargetError."""
        for place in filter(None, (self._directory, self._wants)):
            self._make(place)
        changed = [self._put(name, file) for name, file in wanted.items()]
        return any(changed)

    def remove(self, name: str) -> None:
        """Have it not known any more. What somebody has masked stays so."""
        if self._wants:
            self._root.remove(f"{self._wants}/{name}")
        for path in self._own(name):
            self._root.remove(path)

    def sweep(self) -> None:
        """Remove what runs that were killed have left."""
        for place in filter(None, (self._directory, self._former, self._wants)):
            self._root.sweep(place)

    def _put(self, name: str, file: ServiceFile) -> bool:
        path, *former = self._paths(name)
        for each in filter(self._is_strange, (path, *former)):
            raise TargetError(f"/{each}: is not of {self._package.name}")
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
        """Have what is new started with the machine, and what has moved if it was.

        Before the file: whoever finds that knows that it was enabled, or disabled since.
        """
        link = f"{self._wants}/{name}"
        # guard: enabled-once
        if self._wants and (is_new or (is_moved and self._root.status(link))):
            self._root.link(link, f"/{self._manager.DIRECTORY}/{name}")

    def _paths(self, name: str) -> list[str]:
        """Where a file of ours lies, and where older tools had it."""
        return [f"{place}/{name}" for place in (self._directory, self._former) if place]

    def _own(self, name: str) -> list[str]:
        """Where a file lies that this tool has made, or an older one.

        What lies where an older one had it, beside one of today's, is a copy that somebody has made
        to change it, as `systemctl edit --full` does.
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

    def _make(self, path: str) -> None:
        parts = path.split("/")
        for number in range(1, len(parts) + 1):
            self._root.make("/".join(parts[:number]), _OPEN)


def _really(root: Path, path: str) -> str:
    """Where a directory of the system is: the links on the way are the administrator's."""
    return os.path.realpath(root / path)[1:] if path and root == SYSTEM else path
