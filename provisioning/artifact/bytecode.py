"""The byte code that Python leaves next to the sources of a package when it imports them.

It is where PEP 3147 and PEP 488 put it, `__pycache__/NAME.TAG.pyc` or `NAME.TAG.opt-LEVEL.pyc`, or
where `compileall -b` does, `NAME.pyc` beside the source, which Python reads only where there is no
source; or it has the name under which importlib writes it, which a kill leaves behind.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from provisioning.artifact.model.entry import DIR, FILE, Entry
from provisioning.artifact.service_files import CACHES, cache_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.artifact.filesystem import Descent
    from provisioning.artifact.model.package import Package
    from provisioning.artifact.model.service import Service

_CACHE = "__pycache__"
_SOURCE = ".py"
_NAME = re.compile(r"(.+?)\.[A-Za-z][\w-]*(?:\.opt-[A-Za-z0-9]+)?\.pyc(?:\.[0-9]+)?", re.ASCII)
_LEGACY = re.compile(r"(.+)\.pyc(?:\.[0-9]+)?", re.ASCII)


def is_source(entry: Entry) -> bool:
    """Whether Python may write byte code of an entry: also of a link that is imported."""
    return entry.path.endswith(_SOURCE) and entry.type != DIR


class Beside:
    """The byte code that may lie next to the entries of a package."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        entries = tuple(entries)
        self._listed = {entry.path for entry in entries}
        self._sources = {entry.path for entry in entries if is_source(entry)}
        self._places = {_above(path) for path in self._sources}
        self._caches = {_join(place, _CACHE) for place in self._places}

    @property
    def brings_its_own(self) -> bool:
        """Whether the package itself has byte code where Python would leave some."""
        beside = {f"{source}c" for source in self._sources}
        return bool((self._caches | beside) & self._listed)

    def __contains__(self, found: Entry) -> bool:
        """Whether it is byte code of a source, or a directory of byte code."""
        if found.path in self._listed:
            return False
        if found.type == DIR:
            return found.path in self._caches
        # guard: byte-code-is-a-file
        return found.type == FILE and self._source_of(found.path) in self._sources

    def _source_of(self, path: str) -> str:
        """The source whose byte code lies at a path; "" if it is not the path of byte code."""
        above, _, name = path.rpartition("/")
        in_cache = above in self._caches
        match = (_NAME if in_cache else _LEGACY).fullmatch(name)  # guard: byte-code-by-compileall
        return _join(_above(above) if in_cache else above, match[1] + _SOURCE) if match else ""

    def below(self, root: Descent) -> Iterator[Entry]:
        """The byte code below `root`, each directory after its files."""
        for place in sorted({*self._places, *self._caches}):
            yield from self._in(root, place)

    def _in(self, root: Descent, place: str) -> Iterator[Entry]:
        try:
            opened = root.directory(place)
        except OSError:
            return
        try:
            with os.scandir(opened) as items:
                names = [item.name for item in items if item.is_file(follow_symlinks=False)]
        finally:
            os.close(opened)
        files = [Entry(_join(place, name), FILE, 0, "", "") for name in sorted(names)]
        yield from (each for each in (*files, Entry(place, DIR, 0, "", "")) if each in self)


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


VARIABLE = "PYTHONPYCACHEPREFIX"
_SAYS = {VARIABLE, "PYTHONDONTWRITEBYTECODE"}
"""A service that sets one of these keeps its setting."""


def has_sources(entries: Iterable[Entry]) -> bool:
    """Whether Python may write byte code of a package."""
    return any(map(is_source, entries))


def of_package(package: Package) -> str:
    """The directory of all byte code of a package's services."""
    return f"{CACHES}/{package.name}"


def equipped(package: Package, entries: Iterable[Entry]) -> Package:
    """The same package, with services whose Python keeps its byte code in their caches."""
    if not package.services or not has_sources(entries):
        return package
    return package._replace(services=tuple(_equipped(package, each) for each in package.services))


def _equipped(package: Package, service: Service) -> Service:
    environment = dict(service.environment)
    if environment.keys() & _SAYS:
        return service
    environment[VARIABLE] = cache_of(package, service)
    return service._replace(environment=tuple(sorted(environment.items())))
