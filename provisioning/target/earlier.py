"""Knows which files of a release are those of an earlier one, and how the two share them.

A file that is shared is one of its own, and takes no space of its own until one of the two is
written (ioctl_ficlone(2): btrfs, XFS). Never a hard link: an edit in one would be one in both.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from typing import TYPE_CHECKING

from provisioning.artifact.descent import Descent
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

    def take(self, entry: Entry, descriptor: int) -> bool:
        """Have an open, empty file share the content of what should be the same file.

        Tells whether it does. What does not share is still empty; what does is to be checked, like
        what is written.
        """
        if not (self._shares and entry.size and (entry.path, entry.digest) in self._known):
            return False
        try:
            return self._take(entry, descriptor)
        except OSError:  # it is not there any more, or cannot be opened
            return False

    def _take(self, entry: Entry, descriptor: int) -> bool:
        if self._descent is None:
            return False
        parent, name = self._descent.to(entry.path)
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode) or status.st_size != entry.size:
            return False
        old = os.open(name, _READ, dir_fd=parent)
        try:
            self._shares = _clone(old, descriptor)
        finally:
            os.close(old)
        return self._shares


def _clone(old: int, descriptor: int) -> bool:
    try:
        fcntl.ioctl(descriptor, _FICLONE, old)
    except OSError:  # there are many ways to say that this file system cannot
        return False
    return True
