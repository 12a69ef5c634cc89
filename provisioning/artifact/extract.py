"""Knows how an archive is written below a directory, and never outside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provisioning.artifact.filesystem import Descent, open_regular, reason
from provisioning.artifact.model.entry import DIR, LINK, here
from provisioning.artifact.tar.archive import reserved
from provisioning.artifact.verify.formats import reader
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.verify.formats import Reader

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def extract(archive: Path, into: Path) -> Manifest:
    """Write a package into the empty directory `into`, verifying it on the way.

    Raises ArtifactError for whatever is not as the manifest says, and where the disk fails; `into`
    then holds a part of the package that nobody should use, and is the caller's to remove.
    """
    try:
        with open_regular(archive) as file:
            return _extract(reader(file, archive.name), into)
    except ArtifactError as error:
        raise ArtifactError(f"{archive}: {error}") from None
    except OSError as error:
        where = error.filename or into
        raise ArtifactError(f"{archive}: cannot be extracted: {where}: {reason(error)}") from None


def _extract(reading: Reader, into: Path) -> Manifest:
    directory, itself = reserved(reading.data)
    with Writer(into, (directory, itself, *reading.manifest.entries)) as writer:
        writer.write(itself, [reading.data])
        for finding in reading.findings(writer.write):
            raise ArtifactError(str(finding))
        writer.finish()
    return reading.manifest


class Writer:
    """A directory that is filled, by descriptors alone: no name is looked up through a link.

    All directories are there from the beginning. Where `owners` is said, entries have numbers for
    owners, and modes that go with them; if it is so, everything is given to the user and group that
    its entry has. Else no rights but one's own are lent. Raises OSError, and ArtifactError for a
    directory that is not empty.
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

    def __enter__(self) -> Writer:
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
        """Make links, now that nothing is written any more, and then modes of directories.

        Nothing can so be written through a link. Modes come from below: they may forbid writing.
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
        os.fchmod(descriptor, entry.mode if self._are_numbers else here(entry).mode)

    def fill(self, descriptor: int, entry: Entry, blocks: Iterable[bytes]) -> None:  # noqa: ARG002 - a subclass may know more of the entry
        """Write a file's content; a subclass may have a faster way."""
        for block in blocks:
            written = os.write(descriptor, block)
            while written < len(block):
                written += os.write(descriptor, memoryview(block)[written:])

    def _begin(self, into: Path | int) -> None:
        if not self._descent.is_empty():
            raise ArtifactError(f"cannot be extracted: {into} is not empty")
        for entry in self._entries:
            if entry.type == DIR:
                parent, name = self._descent.to(entry.path)
                os.mkdir(name, 0o700, dir_fd=parent)
