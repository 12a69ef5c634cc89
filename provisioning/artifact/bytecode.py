"""The byte code that Python leaves next to the sources of a package when it imports them.

It is where PEP 3147 and PEP 488 put it, `__pycache__/NAME.TAG.pyc` or `NAME.TAG.opt-LEVEL.pyc`, or
where `compileall -b` does, `NAME.pyc` beside the source, which Python reads only where there is no
source; or it has the name under which importlib writes it, which a kill leaves behind.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from provisioning.artifact import compiler
from provisioning.artifact.model.entry import DIR, FILE, RESERVED, Entry
from provisioning.artifact.model.placement import BYTECODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.artifact.filesystem import Descent

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
    return "/".join(filter(None, (directory, name)))


VARIABLE = "PYTHONPYCACHEPREFIX"

FORMER_CACHES = "/var/cache/provisioning"
"""Where services that an older tool has started keep byte code, by package."""


def has_sources(entries: Iterable[Entry]) -> bool:
    """Whether Python may write byte code of a package."""
    return any(map(is_source, entries))


# The byte code of a release lies beside it, and each `__pycache__` in the release is a link there.
# Python follows it, whichever way the program was started, and no release knows another's.

WAY = f"{RESERVED}/bytecode"
"""The link in a release that all others lead through."""
_TARGET = f"../../../{BYTECODE}"  # from `.provisioning` in a release


def place_of(release: str) -> str:
    """Where the byte code of a release lies, below the prefix."""
    return f"{BYTECODE}/{release}"


def compiled(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The sources of a release that are compiled: not what is outside it, and may be edited."""
    return tuple(
        entry
        for entry in entries
        if entry.path.endswith(_SOURCE)
        and entry.type == FILE
        and not entry.conffile
        and not entry.path.startswith(f"{RESERVED}/")
    )


def ways(entries: Iterable[Entry], release: str) -> dict[str, str]:
    """The links by which Python finds the byte code of a release, and their targets."""
    entries = tuple(entries)
    places = {_above(entry.path) for entry in compiled(entries)}
    caches = {_join(place, _CACHE): place for place in sorted(places)}
    # A package that brings byte code itself has it there.
    for listed in (entry.path for entry in entries if entry.path in caches):
        del caches[listed]
    found = {path: "../" * path.count("/") + _join(WAY, place) for path, place in caches.items()}
    return {WAY: f"{_TARGET}/{release}", **found} if found else {}


def program() -> str:
    """The text of the program that compiles: see compiler.py."""
    loader: Any = compiler.__spec__.loader  # which may be that of a zip
    source: str = loader.get_source(compiler.__name__)
    return source
