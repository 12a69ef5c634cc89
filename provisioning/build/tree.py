"""Knows what lies below a directory, as one walk found it, and whether it is still so."""

from __future__ import annotations

import hashlib
import marshal
import os
import stat
from functools import cached_property
from typing import TYPE_CHECKING

from provisioning.build.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    Row = tuple[str, int, int, int, int, int]  # a name, and its signature

# What no package wants: left out unless a content names the very file.
BUILT_IN_EXCLUDES = (".DS_Store", "._*", ".AppleDouble/", "__pycache__/", "*.py[co]", ".git/")
_DIRECTORIES = frozenset({".AppleDouble", "__pycache__", ".git"})


class Tree:
    """The files below `directory`, less BUILT_IN_EXCLUDES; links are files, and never followed.

    `skip` is a directory of the project (its output) into which nothing looks.

    Raises:
        OSError: a directory cannot be listed.
    """

    def __init__(self, directory: str, skip: str) -> None:
        self._skip = os.path.realpath(skip)
        self._place = os.path.realpath(directory)
        self._rows: list[tuple[str, list[Row]]] = []  # by directory, in the order of the walk
        self._walk(directory, "")

    @cached_property
    def state(self) -> str:
        """What differs once anything below the directory may be another."""
        # marshal is the fastest way from many tuples to bytes; nothing reads them again.
        return hashlib.sha256(marshal.dumps(self._rows, 2)).hexdigest()

    @cached_property
    def newest(self) -> int:
        """The latest ctime of a file, in nanoseconds."""
        return max((row[3] for _, rows in self._rows for row in rows), default=0)

    @cached_property
    def files(self) -> list[tuple[str, Signature]]:
        """Every file, its path relative to the directory, sorted."""
        return sorted(self._files())

    def paths(self) -> Iterator[str]:
        """Every file, relative to the directory, in no order."""
        return (below + row[0] for below, rows in self._rows for row in rows)

    def _files(self) -> Iterator[tuple[str, Signature]]:
        for below, rows in self._rows:
            for name, *found in rows:
                yield below + name, Signature(*found)

    def _walk(self, directory: str, below: str) -> None:
        rows: list[Row] = []
        self._rows.append((below, rows))
        place = os.path.join(self._place, below.rstrip("/")).rstrip("/")
        with os.scandir(directory) as entries:
            for entry in entries:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    if name not in _DIRECTORIES and f"{place}/{name}" != self._skip:
                        self._walk(entry.path, f"{below}{name}/")
                elif not is_unwanted(name):
                    status = entry.stat(follow_symlinks=False)
                    rows.append(
                        (
                            name,
                            status.st_size,
                            status.st_mtime_ns,
                            status.st_ctime_ns,
                            status.st_ino,
                            status.st_mode,
                        )
                    )


def is_unwanted(name: str) -> bool:
    """Whether BUILT_IN_EXCLUDES leave out a file of this name."""
    return name.endswith((".pyc", ".pyo")) or name.startswith("._") or name == ".DS_Store"


def kind_of(signature: Signature) -> int:
    """The `stat.S_IFMT` type of what has this signature."""
    return stat.S_IFMT(signature.mode)
