"""Knows how an archive is written below a directory, and never outside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provisioning.artifact import archive as names
from provisioning.artifact.contents import Reading
from provisioning.artifact.entry import DIR, LINK
from provisioning.artifact.files import open_regular, reason
from provisioning.artifact.owner import owner_ids
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from provisioning.artifact.entry import Entry
    from provisioning.artifact.manifest import Manifest

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def extract(archive: Path, into: Path, *, own: bool = False) -> Manifest:
    """Write a package into the empty directory `into`, verifying it on the way.

    `own` also gives each entry its owner and group, which takes root. Raises ArtifactError for
    whatever `check_archive` finds, and where the disk fails; `into` then holds a part of the
    package that nobody should use, and is the caller's to remove.
    """
    try:
        with open_regular(archive) as file, _Tree(into, own=own) as tree:
            return _extract(Reading(file), tree)
    except ArtifactError as error:
        raise ArtifactError(f"{archive}: {error}") from None
    except OSError as error:
        where = error.filename or into
        raise ArtifactError(f"{archive}: cannot be extracted: {where}: {reason(error)}") from None


def _extract(reading: Reading, tree: _Tree) -> Manifest:
    reserved = names.reserved(reading.data)
    entries = (*reserved, *reading.manifest.entries)
    directories = [entry for entry in entries if entry.type == DIR]
    for entry in directories:
        tree.make_directory(entry)
    tree.write(reserved[1], [reading.data])
    for finding in reading.findings(tree.write):
        raise ArtifactError(str(finding))
    # Links come after everything is written, so that nothing can be written through one, and the
    # modes of directories last and from below, as they may forbid writing.
    for entry in entries:
        if entry.type == LINK:
            tree.make_link(entry)
    for entry in reversed(directories):
        tree.finish_directory(entry)
    return reading.manifest


class _Tree:
    """A directory that is filled, by descriptors alone: no name is looked up through a link."""

    def __init__(self, root: Path, *, own: bool) -> None:
        self._own = own
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._parent, self._parent_path = os.dup(self._root), ""
        if os.listdir(self._root):
            self.__exit__()
            raise ArtifactError(f"cannot be extracted: {root} is not empty")

    def __enter__(self) -> _Tree:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._parent)
        os.close(self._root)

    def make_directory(self, entry: Entry) -> None:
        parent, name = self._enter(entry)
        os.mkdir(name, 0o700, dir_fd=parent)

    def write(self, entry: Entry, blocks: Iterable[bytes]) -> None:
        parent, name = self._enter(entry)
        # No file object: opening one costs as much as writing a small file.
        descriptor = os.open(name, _NEW, 0o600, dir_fd=parent)
        try:
            for block in blocks:
                left = memoryview(block)
                while left:
                    left = left[os.write(descriptor, left) :]
            self._finish(descriptor, entry)
        finally:
            os.close(descriptor)

    def make_link(self, entry: Entry) -> None:
        parent, name = self._enter(entry)
        os.symlink(entry.link, name, dir_fd=parent)
        if self._own:
            os.chown(name, *_ids(entry), dir_fd=parent, follow_symlinks=False)

    def finish_directory(self, entry: Entry) -> None:
        parent, name = self._enter(entry)
        descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
        try:
            self._finish(descriptor, entry)
        finally:
            os.close(descriptor)

    def _finish(self, descriptor: int, entry: Entry) -> None:
        if self._own:
            os.fchown(descriptor, *_ids(entry))
        os.fchmod(descriptor, entry.mode)  # last: writing and chown clear setuid

    def _enter(self, entry: Entry) -> tuple[int, str]:
        """Open the directory that holds an entry; most entries share it with the one before."""
        path, _, name = entry.path.rpartition("/")
        if path != self._parent_path:
            root = os.dup(self._root)
            os.close(self._parent)
            self._parent, self._parent_path = root, ""
            for part in path.split("/") if path else ():
                below = os.open(part, _DIRECTORY, dir_fd=self._parent)
                os.close(self._parent)
                self._parent = below
            self._parent_path = path
        return self._parent, name


def _ids(entry: Entry) -> tuple[int, int]:
    try:
        return owner_ids(entry)
    except ArtifactError as error:
        raise ArtifactError(f"{entry.path}: {error}") from None
