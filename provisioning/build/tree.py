"""Knows what lies below a directory, as one walk found it, and whether it is still so."""

from __future__ import annotations

import hashlib
import marshal
import os
import stat
from bisect import bisect_left
from functools import cached_property
from itertools import chain
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from provisioning.artifact.team import spread
from provisioning.build.signature import MARSHAL, WIDTH, Signature, numbers, rows, to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    # A directory, the names in it, sorted, and all their signatures as bytes, one behind the other:
    # a tuple for each of 100,000 files would be 24 MB.
    Found = tuple[str, list[str], bytes]

# What no package wants, be it a file or a directory: left out unless a content names it.
BUILT_IN_EXCLUDES = (
    *(".DS_Store", "._*", ".AppleDouble", "__pycache__", "*.py[co]"),
    *(".git", ".svn", ".hg"),  # a worktree's, and a submodule's, `.git` is a file
)
_UNWANTED = frozenset({".DS_Store", ".AppleDouble", "__pycache__", ".git", ".svn", ".hg"})

_FORMAT = stat.S_IFMT(0o777777)  # the bits of a mode that tell files, links and others apart
_ctime, _mode = (itemgetter(Signature._fields.index(name)) for name in ("ctime", "mode"))
_name = attrgetter("name")
_KIND = _FORMAT | 0o111  # of a mode: what a layout asks for
_WORTHWHILE = 200  # directories: to look into fewer takes less time than to fork


class Tree:
    """The files below `directory`, less BUILT_IN_EXCLUDES; links are files, and never followed.

    `skip` is a directory of the project (its output) into which nothing looks.

    Raises:
        OSError: a directory cannot be listed.
    """

    def __init__(self, directory: str, skip: str) -> None:
        self._skip = os.path.realpath(skip)
        self._directory = directory
        self._place = os.path.realpath(directory)
        self.found: list[Found] = sorted(self._walk())
        """By directory."""

    @cached_property
    def state(self) -> str:
        """What differs once anything below the directory may be another."""
        return hashlib.sha256(marshal.dumps(self.found, MARSHAL)).hexdigest()

    @cached_property
    def shape(self) -> str:
        """What differs once there are other files, or one is of another kind, or leads elsewhere.

        It stays what it is where files only hold something else.
        """
        shapes = [(below, names, _kinds(stamps)) for below, names, stamps in self.found]
        return hashlib.sha256(marshal.dumps(shapes, MARSHAL)).hexdigest()

    def changed(self, before: list[Found]) -> Iterator[tuple[str, Signature]]:
        """The files that may hold something else than those of a tree of the same shape did."""
        for (below, names, stamps), (_, _, old) in zip(self.found, before, strict=True):
            if stamps != old:
                for name, now, was in zip(names, rows(stamps), rows(old), strict=True):
                    if now != was:
                        yield below + name, Signature._make(now)

    @cached_property
    def newest(self) -> int:
        """The latest ctime of a file, in nanoseconds."""
        times = (map(_ctime, rows(stamps)) for _, _, stamps in self.found)
        return max(chain.from_iterable(times), default=0)

    @cached_property
    def files(self) -> list[tuple[str, int]]:
        """Every file and its mode; its path is relative to the directory, and they are sorted."""
        modes = (
            zip(map(below.__add__, names), map(_mode, rows(stamps)), strict=True)
            for below, names, stamps in self.found
        )
        return sorted(chain.from_iterable(modes))

    def bytes_of(self, path: str) -> bytes:
        """The signature of a file, spelt, by its path relative to the directory; or nothing."""
        below, name = path[: path.rfind("/") + 1], path[path.rfind("/") + 1 :]
        names, stamps = self._by_directory.get(below, ((), b""))
        number = bisect_left(names, name)
        if names[number : number + 1] != [name]:
            return b""
        return stamps[number * WIDTH : (number + 1) * WIDTH]

    @cached_property
    def _by_directory(self) -> dict[str, tuple[list[str], bytes]]:
        return {below: (names, stamps) for below, names, stamps in self.found}

    def paths(self, base: str) -> Iterator[str]:
        """Every file, with `base` in front, in no order."""
        # Of 100,000, however few are asked about: no loop of Python's for each.
        named = (map(f"{base}{below}".__add__, names) for below, names, _ in self.found)
        return chain.from_iterable(named)

    def _walk(self) -> Iterator[Found]:
        level = [""]
        while level and len(level) < _WORTHWHILE:
            deeper: list[str] = []
            for below in level:
                yield self._look(below, deeper)
            level = deeper
        # Large trees are wide somewhere near the top: what lies there is shared.
        yield from chain.from_iterable(spread(lambda at: self._all_below(level[at]), len(level)))

    def _all_below(self, below: str) -> list[Found]:
        found: list[Found] = []
        left = [below]
        while left:
            found.append(self._look(left.pop(), left))
        return found

    def _look(self, below: str, deeper: list[str]) -> Found:
        """Look into one directory; those that are in it join `deeper`."""
        place = os.path.join(self._place, below.rstrip("/")).rstrip("/")
        names: list[str] = []
        stamps: list[int] = []
        with os.scandir(os.path.join(self._directory, below)) as entries:
            for entry in sorted(entries, key=_name):
                name = entry.name
                if _is_unwanted(name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if f"{place}/{name}" != self._skip:
                        deeper.append(f"{below}{name}/")
                else:
                    names.append(name)
                    stamps += numbers(entry.stat(follow_symlinks=False))
        return below, names, to_bytes(stamps)


def _kinds(stamps: bytes) -> list[int | bytes]:
    """What a layout asks of each file; of what is not a regular file, all there is to know."""
    return [
        mode & _KIND
        if mode & _FORMAT == stat.S_IFREG
        else stamps[number * WIDTH : (number + 1) * WIDTH]
        for number, mode in enumerate(map(_mode, rows(stamps)))
    ]


def is_left_out(path: str) -> bool:
    """Whether BUILT_IN_EXCLUDES leave out a file below a directory, or a directory on the way."""
    return any(map(_is_unwanted, path.split("/")))


def _is_unwanted(name: str) -> bool:
    """Whether BUILT_IN_EXCLUDES leave out what has this name."""
    return name.endswith((".pyc", ".pyo")) or name.startswith("._") or name in _UNWANTED
