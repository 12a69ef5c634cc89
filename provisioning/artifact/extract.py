"""Writes a package into a directory, and never outside it; compares what was written."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from provisioning.artifact import contents
from provisioning.artifact.contents import Finding
from provisioning.artifact.filesystem import Descent, open_regular, reason
from provisioning.artifact.formats import reader
from provisioning.artifact.model.entry import DIR, LINK, here
from provisioning.artifact.process_pool import Team
from provisioning.artifact.tar.archive import reserved
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest

    Scratch = Callable[[int], AbstractContextManager[Path]]  # with room for so many bytes
    from provisioning.artifact.formats import Reader

_PAGE = 4096  # bytes
_SOME = 256  # files and links that are compared at a time
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC  # guard: extract-new-files


def extract(artifact: Path, into: Path) -> Manifest:
    """Write a package into the empty directory `into`, verifying it on the way.

    Raises ArtifactError if anything is not as the manifest says, or the disk fails; `into` then
    contains an unusable part of the package, which the caller must remove.
    """
    try:
        with open_regular(artifact) as file:
            return _extract(reader(file, artifact.name), into)
    except ArtifactError as error:
        raise ArtifactError(f"{artifact}: {error}") from None
    except OSError as error:
        where = error.filename or into
        raise ArtifactError(f"{artifact}: cannot be extracted: {where}: {reason(error)}") from None


def _extract(reading: Reader, into: Path) -> Manifest:
    directory, itself = reserved(reading.data)
    with TreeWriter(into, (directory, itself, *reading.manifest.entries)) as writer:
        writer.write(itself, [reading.data])
        for finding in reading.findings(writer.write):
            raise ArtifactError(str(finding))
        writer.finish()
    return reading.manifest


class TreeWriter:
    """Fills a directory through file descriptors alone: no name is looked up through a link.

    All directories are made at the beginning. If `owners` is not None, the owners of entries are
    numbers; if it is true, files are given to them. If it is None, setuid and setgid are set only
    for one's own user and group. Raises OSError, and ArtifactError if the directory is not empty.
    """

    def __init__(
        self, into: Path | int, entries: tuple[Entry, ...], *, owners: bool | None = None
    ) -> None:
        self._entries = entries
        self._owners = owners
        self._are_numbers = owners is not None
        self._descent = Descent(into)
        try:
            self._begin(into)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> TreeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._descent.__exit__()

    def write(self, entry: Entry, blocks: Iterable[bytes]) -> None:
        """Write a file."""
        parent, name = self._descent.to(entry.path)
        # No file object: opening one costs as much as writing a small file.
        descriptor = os.open(name, _NEW, 0o600, dir_fd=parent)
        try:
            self.fill(descriptor, entry, blocks)
            self._settle(descriptor, entry)
        finally:
            os.close(descriptor)

    def finish(self) -> None:
        """Make links, and then set the modes of directories.

        Links come last, so that nothing is written through one. Modes are set from the deepest
        directory up: they may forbid writing.
        """
        for entry in self._entries:
            if entry.type == LINK:
                parent, name = self._descent.to(entry.path)
                os.symlink(entry.link, name, dir_fd=parent)
                if self._owners:
                    ids = int(entry.owner), int(entry.group)
                    os.chown(name, *ids, dir_fd=parent, follow_symlinks=False)
        for entry in reversed(self._entries):
            if entry.type == DIR:
                descriptor = self._descent.directory(entry.path)
                try:
                    self._settle(descriptor, entry)
                finally:
                    os.close(descriptor)

    def _settle(self, descriptor: int, entry: Entry) -> None:
        if self._owners:
            os.fchown(descriptor, int(entry.owner), int(entry.group))
        # Last: writing, and another owner, clear setuid.
        # guard: mode-whatever-the-umask
        os.fchmod(descriptor, entry.mode if self._are_numbers else here(entry).mode)

    def fill(self, descriptor: int, entry: Entry, blocks: Iterable[bytes]) -> None:  # noqa: ARG002 - a subclass may know more of the entry
        """Write a file's content; a subclass may have a faster way."""
        for block in blocks:
            written = os.write(descriptor, block)
            while written < len(block):
                written += os.write(descriptor, memoryview(block)[written:])

    def _begin(self, into: Path | int) -> None:
        if not self._descent.is_empty():  # guard: extract-into-empty
            raise ArtifactError(f"cannot be extracted: {into} is not empty")
        for entry in self._entries:
            if entry.type == DIR:
                parent, name = self._descent.to(entry.path)
                os.mkdir(name, 0o700, dir_fd=parent)


class Unpacking:
    """Unpacks a package into a scratch directory, and compares what was unpacked.

    Raises OSError and ArtifactError. After a failure, `unpacking_differences` finds out why.
    """

    def __init__(self, reading: Reader, scratch: Scratch) -> None:
        self._entries = (*reserved(reading.data), *map(here, reading.manifest.entries))
        with ExitStack() as opened:
            self._directory = opened.enter_context(scratch(sum(map(_room, self._entries))))
            self._writer = opened.enter_context(TreeWriter(self._directory, self._entries))
            self._unpacked = opened.enter_context(Descent(self._directory))
            self._open = opened.pop_all()

    def __enter__(self) -> Unpacking:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def write(self, entry: Entry, blocks: Iterable[bytes]) -> None:
        """Write a file."""
        self._writer.write(entry, blocks)

    def finish(self) -> None:
        """Start other processes that compare what was unpacked.

        They remove what they have compared: what is left was not listed.
        """
        self._writer.finish()
        self._directories = [entry for entry in self._entries if entry.type == DIR]
        self._others = [entry for entry in self._entries if entry.type != DIR]
        # First: removing what is in one may require another mode.
        self._has_directories = contents.holds(self._unpacked, self._directories)
        self._team = self._open.enter_context(
            Team(self._compare_and_remove, -(-len(self._others) // _SOME))
        )

    def went_well(self) -> bool:
        """Wait until all is compared and removed; return whether it was what the manifest says."""
        try:
            return self._has_directories and self._team.agrees() and self._remove_directories()
        except OSError:
            return False

    def _compare_and_remove(self, number: int) -> bool:
        some = self._others[number * _SOME : (number + 1) * _SOME]
        if not contents.holds(self._unpacked, some):
            return False
        contents.remove(self._unpacked, some)
        return True

    def _remove_directories(self) -> bool:
        """Remove the directories; return whether nothing else was left."""
        contents.remove(self._unpacked, reversed(self._directories))
        return self._unpacked.is_empty()


def unpacking_differences(path: Path, scratch: Scratch) -> Iterator[Finding]:
    """How the unpacked archive at `path` differs from its manifest.

    It is read and unpacked once more, slowly, where there is the most room.
    """
    with scratch(sys.maxsize) as directory:
        try:
            yield from contents.compare(extract(path, directory), directory).findings
        except ArtifactError as error:
            yield Finding(str(path), f"cannot be installed: {error}")


def _room(entry: Entry) -> int:
    """An upper bound of what an entry takes on a disk: whole pages, and one for its inode."""
    return -(-entry.size // _PAGE) * _PAGE + _PAGE
