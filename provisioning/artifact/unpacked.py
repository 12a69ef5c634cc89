"""Knows how a package that was unpacked is read as if it were an artifact still."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from provisioning.artifact.archive import reserved
from provisioning.artifact.contents import digested
from provisioning.artifact.descent import Descent
from provisioning.artifact.digest import MIB
from provisioning.artifact.entry import FILE
from provisioning.artifact.files import reason
from provisioning.artifact.finding import Finding, content_difference, differences
from provisioning.artifact.tree import entry_of, read_manifest, unlisted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.contents import Write
    from provisioning.artifact.entry import Entry

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
