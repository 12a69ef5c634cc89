"""Knows which files of a release are those of an earlier one, and how the two share them.

A file that is shared is one of its own, and takes no space of its own until one of the two is
written (ioctl_ficlone(2): btrfs, XFS). Never a hard link: an edit in one would be one in both.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import sys
from typing import TYPE_CHECKING

from provisioning.artifact.descent import Descent
from provisioning.artifact.digest import MIB
from provisioning.artifact.entry import FILE

if TYPE_CHECKING:
    from provisioning.artifact.entry import Entry
    from provisioning.target.home import Home
    from provisioning.target.releases import Release

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FICLONE = 0x40049409


class Earlier:
    """The files of a release that lies in a prefix. With none, there are none."""

    def __init__(self, home: Home, release: Release | None) -> None:
        self._descent: Descent | None = None
        self._known: set[tuple[str, str]] = set()
        self._shares = sys.platform == "linux"
        if release and home.directory.is_directory(release.path):
            files = (entry for entry in release.layout.release if entry.type == FILE)
            self._known = {(entry.path, entry.digest) for entry in files}
            with home.directory.opened(release.path) as opened:
                self._descent = Descent(opened)

    def __enter__(self) -> Earlier:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descent:
            self._descent.__exit__()

    def take(self, entry: Entry, descriptor: int) -> tuple[bool, int]:
        """Have an open, empty file share the content of the same file, which is read and checked.

        Returns whether it does, and when the same file was written, in nanoseconds; 0 if there is
        none. What does not share is still empty.
        """
        try:
            return self._take(entry, descriptor)
        except OSError:  # it is not there any more, or cannot be read
            os.ftruncate(descriptor, 0)
            return False, 0

    def _take(self, entry: Entry, descriptor: int) -> tuple[bool, int]:
        if self._descent is None or (entry.path, entry.digest) not in self._known:
            return False, 0
        parent, name = self._descent.to(entry.path)
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode) or status.st_size != entry.size:
            return False, 0
        if self._shares and entry.size:
            old = os.open(name, _READ, dir_fd=parent)
            try:
                self._shares = _clone(old, descriptor)
                if self._shares and _digest(descriptor) == entry.digest:
                    return True, status.st_mtime_ns
            finally:
                os.close(old)
            os.ftruncate(descriptor, 0)
        return False, status.st_mtime_ns


def _clone(old: int, descriptor: int) -> bool:
    try:
        fcntl.ioctl(descriptor, _FICLONE, old)
    except OSError:  # there are many ways to say that this file system cannot
        return False
    return True


def _digest(descriptor: int) -> str:
    sha256 = hashlib.sha256()
    at = 0
    while block := os.pread(descriptor, MIB, at):
        sha256.update(block)
        at += len(block)
    return sha256.hexdigest()
