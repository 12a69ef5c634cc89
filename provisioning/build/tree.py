"""Knows what lies below a directory, as one walk found it, and whether it is still so."""

from __future__ import annotations

import hashlib
import marshal
import os
import stat
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from provisioning.build.signature import Signature, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    # A directory, the names in it, and all their signatures in one row: lists of numbers, since
    # a tuple for each file would keep the garbage collector busy.
    Found = tuple[str, list[str], list[int]]

# What no package wants: left out unless a content names the very file.
BUILT_IN_EXCLUDES = (".DS_Store", "._*", ".AppleDouble/", "__pycache__/", "*.py[co]", ".git/")
_DIRECTORIES = frozenset({".AppleDouble", "__pycache__", ".git"})

_WIDTH = len(Signature._fields)
_CTIME, _MODE = map(Signature._fields.index, ("ctime", "mode"))
_FORMAT = stat.S_IFMT(0o777777)
_KIND = _FORMAT | 0o111  # of a mode: what a layout asks for


class Tree:
    """The files below `directory`, less BUILT_IN_EXCLUDES; links are files, and never followed.

    `skip` is a directory of the project (its output) into which nothing looks.

    Raises:
        OSError: a directory cannot be listed.
    """

    def __init__(self, directory: str, skip: str) -> None:
        self._skip = os.path.realpath(skip)
        self._place = os.path.realpath(directory)
        self.found: list[Found] = []
        """By directory, in the order of the walk."""
        self._walk(directory, "")

    @cached_property
    def state(self) -> str:
        """What differs once anything below the directory may be another."""
        # marshal is the fastest way from many numbers to bytes; nothing reads them again.
        return hashlib.sha256(marshal.dumps(self.found, 2)).hexdigest()

    @cached_property
    def shape(self) -> str:
        """What differs once there are other files, or one is of another kind, or leads elsewhere.

        It stays what it is where files only hold something else.
        """
        shapes = [(below, names, _kinds(found)) for below, names, found in self.found]
        return hashlib.sha256(marshal.dumps(shapes, 2)).hexdigest()

    def changed(self, before: list[Found]) -> Iterator[tuple[str, Signature]]:
        """The files that may hold something else than those of a tree of the same shape did."""
        for (below, names, found), (_, _, old) in zip(self.found, before, strict=True):
            if found != old:
                signatures = zip(_signatures(found), _signatures(old), strict=True)
                for name, (now, was) in zip(names, signatures, strict=True):
                    if now != was:
                        yield below + name, now

    @cached_property
    def newest(self) -> int:
        """The latest ctime of a file, in nanoseconds."""
        ctimes = (found[_CTIME::_WIDTH] for _, _, found in self.found)
        return max(chain.from_iterable(ctimes), default=0)

    @cached_property
    def files(self) -> list[tuple[str, Signature]]:
        """Every file, its path relative to the directory, sorted."""
        return sorted(self._files())

    def paths(self, base: str) -> Iterator[str]:
        """Every file, with `base` in front, in no order."""
        # doit goes through these, however little there is to do: no loop of Python's for each.
        named = (map(f"{base}{below}".__add__, names) for below, names, _ in self.found)
        return chain.from_iterable(named)

    def _files(self) -> Iterator[tuple[str, Signature]]:
        for below, names, found in self.found:
            yield from zip(map(below.__add__, names), _signatures(found), strict=True)

    def _walk(self, directory: str, below: str) -> None:
        names: list[str] = []
        found: list[int] = []
        self.found.append((below, names, found))
        place = os.path.join(self._place, below.rstrip("/")).rstrip("/")
        with os.scandir(directory) as entries:
            for entry in entries:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    if name not in _DIRECTORIES and f"{place}/{name}" != self._skip:
                        self._walk(entry.path, f"{below}{name}/")
                elif not is_unwanted(name):
                    names.append(name)
                    found += numbers(entry.stat(follow_symlinks=False))


def _signatures(found: list[int]) -> Iterator[Signature]:
    return map(Signature._make, zip(*[iter(found)] * _WIDTH, strict=True))


def _kinds(found: list[int]) -> list[int | list[int]]:
    """What a layout asks of each file: of one that is none, all there is to know."""
    return [
        mode & _KIND
        if mode & _FORMAT == stat.S_IFREG
        else found[number * _WIDTH : (number + 1) * _WIDTH]
        for number, mode in enumerate(found[_MODE::_WIDTH])
    ]


def is_unwanted(name: str) -> bool:
    """Whether BUILT_IN_EXCLUDES leave out a file of this name."""
    return name.endswith((".pyc", ".pyo")) or name.startswith("._") or name == ".DS_Store"


def kind_of(signature: Signature) -> int:
    """The `stat.S_IFMT` type of what has this signature."""
    return stat.S_IFMT(signature.mode)
