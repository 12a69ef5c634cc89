"""Knows how a package that was unpacked is read as if it were an artifact still."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from provisioning.artifact.extract import Writer, extract
from provisioning.artifact.filesystem import MIB, Descent, reason
from provisioning.artifact.model.entry import DIR, FILE, here
from provisioning.artifact.process_pool import Team
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.archive import reserved
from provisioning.artifact.verify import tree
from provisioning.artifact.verify.contents import Finding, content_difference, differences, digested
from provisioning.artifact.verify.tree import entry_of, read_manifest, unlisted
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.verify.contents import Write
    from provisioning.artifact.verify.formats import Reader

    Scratch = Callable[[int], AbstractContextManager[Path]]  # with room for so many bytes


_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Unpacked:
    """One pass over the directory of a package. Raises ArtifactError and OSError.

    Modes and owners are not looked at: they are whatever the one who unpacked it could give. No
    link is followed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.data, self.manifest = read_manifest(root)

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        """See format.Reader."""
        entries = (*reserved(self.data), *self.manifest.entries)
        yield from unlisted(self._root, entries)
        with Descent(self._root) as descent:
            for entry in self.manifest.entries:
                try:
                    yield from _findings(descent, entry, write)
                except FileNotFoundError:
                    yield Finding(entry.path, "is missing")
                except OSError as error:
                    yield Finding(entry.path, f"cannot be read: {reason(error)}")


def _findings(descent: Descent, entry: Entry, write: Write | None) -> Iterator[Finding]:
    parent, name = descent.to(entry.path)
    status = os.lstat(name, dir_fd=parent)
    link = os.readlink(name, dir_fd=parent) if stat.S_ISLNK(status.st_mode) else ""
    found = entry_of(entry.path, status, link)._replace(mode=entry.mode)
    different = tuple(differences(found, entry, owners=False))
    yield from different
    if entry.type == FILE and not different:
        descriptor = os.open(name, _READ, dir_fd=parent)
        try:
            digest = digested(entry, _blocks(descriptor, entry.size), write)
        finally:
            os.close(descriptor)
        yield from content_difference(digest, found, entry)


def _blocks(descriptor: int, left: int) -> Iterator[bytes]:
    while left > 0 and (block := os.read(descriptor, min(left, MIB))):
        left -= len(block)
        yield block


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


def unpacking_differences(path: Path, scratch: Scratch) -> Iterator[Finding]:
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
