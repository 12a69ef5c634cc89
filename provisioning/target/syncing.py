"""Knows how what was written comes to be on the disk.

What could not be synced is never synced again: the system may have dropped it, and would say that
all is well.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioning.target.durable import Directory

_C = ctypes.CDLL(None, use_errno=True)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_UNKNOWN = (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY)  # to file systems without F_FULLFSYNC


def sync(descriptor: int) -> None:
    """Have on the disk what was written to an open file, or which names a directory holds."""
    if sys.platform == "darwin":
        try:  # after fsync(2), a drive may still have it in its memory alone
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
        else:
            return
    os.fsync(descriptor)


def sync_below(directory: Directory, path: str, opened: int) -> None:
    """Have on the disk all that lies below `path`.

    `opened` is a directory of the same file system, opened before anything was written: whoever
    opens it later is not told what went wrong until then (syncfs(2)).
    """
    if hasattr(_C, "syncfs"):
        _sync_file_system(opened)
        return
    below = [path]
    while below:
        here = below.pop()
        with directory.opened(here) as descriptor:
            below += [f"{here}/{name}" for name in _sync_files(descriptor)]
            sync(descriptor)


def _sync_file_system(descriptor: int) -> None:
    if _C.syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _sync_files(descriptor: int) -> list[str]:
    with os.scandir(descriptor) as items:
        found = [(item.name, item.stat(follow_symlinks=False).st_mode) for item in items]
    for name, mode in found:
        if stat.S_ISREG(mode):
            file = os.open(name, _READ, dir_fd=descriptor)
            try:
                sync(file)
            finally:
                os.close(file)
    return [name for name, mode in found if stat.S_ISDIR(mode)]
