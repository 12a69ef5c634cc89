"""Knows what a package becomes when it is unpacked: into a scratch directory, to be compared."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from provisioning.artifact import archive, tree
from provisioning.artifact.descent import Descent
from provisioning.artifact.entry import DIR
from provisioning.artifact.extract import Writer, extract
from provisioning.artifact.finding import Finding
from provisioning.artifact.lent import here
from provisioning.artifact.team import Team
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from provisioning.artifact.entry import Entry
    from provisioning.artifact.format import Reader

    Scratch = Callable[[int], AbstractContextManager[Path]]  # with room for so many bytes

_PAGE = 4096  # bytes
_SOME = 256  # files and links that are compared at a time


class Rehearsal:
    """A directory that a package is being unpacked into, by whoever calls `write`.

    Raises OSError and ArtifactError where that fails. What did not go well here is worth
    another try: see `differences`.
    """

    def __init__(self, reading: Reader, scratch: Scratch) -> None:
        self._entries = (*archive.reserved(reading.data), *map(here, reading.manifest.entries))
        with ExitStack() as opened:
            self._directory = opened.enter_context(scratch(sum(map(_room, self._entries))))
            self._writer = opened.enter_context(Writer(self._directory, self._entries))
            self._unpacked = opened.enter_context(Descent(self._directory))
            self._open = opened.pop_all()

    def __enter__(self) -> Rehearsal:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def write(self, entry: Entry, blocks: Iterable[bytes]) -> None:
        """Write a file."""
        self._writer.write(entry, blocks)

    def finish(self) -> None:
        """Have others begin to compare what was unpacked, now that all of it is written.

        What they have compared they remove, so that nothing has to be sought once more: what was
        not listed is what is left.
        """
        self._writer.finish()
        self._directories = [entry for entry in self._entries if entry.type == DIR]
        self._others = [entry for entry in self._entries if entry.type != DIR]
        # First: whoever removes what is in one may have to change its mode.
        self._has_directories = tree.holds(self._unpacked, self._directories)
        self._team = self._open.enter_context(
            Team(self._compare_and_remove, -(-len(self._others) // _SOME))
        )

    def went_well(self) -> bool:
        """Wait until all is compared and removed; tell whether it was what the manifest says."""
        try:
            return self._has_directories and self._team.agrees() and self._remove_directories()
        except OSError:
            return False

    def _compare_and_remove(self, number: int) -> bool:
        some = self._others[number * _SOME : (number + 1) * _SOME]
        if not tree.holds(self._unpacked, some):
            return False
        tree.remove(self._unpacked, some)
        return True

    def _remove_directories(self) -> bool:
        """Remove what is left, and tell whether it was directories alone."""
        tree.remove(self._unpacked, reversed(self._directories))
        return self._unpacked.is_empty()


def differences(path: Path, scratch: Scratch) -> Iterator[Finding]:
    """Tell what the archive at `path` is unpacked to that it should not be.

    It is read and unpacked once more, slowly, and where there is the most room.
    """
    with scratch(sys.maxsize) as directory:
        try:
            yield from tree.compare(extract(path, directory), directory).findings
        except ArtifactError as error:
            yield Finding(str(path), f"cannot be installed: {error}")


def _room(entry: Entry) -> int:
    """What an entry takes on a disk, or more: whole pages, and one for what is known of it."""
    return -(-entry.size // _PAGE) * _PAGE + _PAGE
