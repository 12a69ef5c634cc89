"""Serves a directory with APFS's rules for names (FUSE): python apfs.py FROM MOUNT.

A name keeps the spelling in which it was made, and is found in any case and any normal form. Names
that are no UTF-8 are refused. The source is Apple File System Guide, "Frequently Asked Questions":
case and normalisation are insensitive, both preserved.
"""

# ruff: noqa: ARG002 - what the calls are handed is for FUSE to say
from __future__ import annotations

import errno
import os
import sys
import unicodedata
from typing import Any

from mfusepy import FUSE, FuseOSError, Operations


def main() -> None:
    """Serve, in the background, until it is unmounted."""
    # The kernel takes two spellings for two files: it must remember nothing of either.
    never = dict.fromkeys(("attr_timeout", "entry_timeout", "negative_timeout"), 0)
    operations = Apfs(sys.argv[1])
    FUSE(operations, sys.argv[2], foreground=False, nothreads=True, use_ino=True, **never)


class Apfs(Operations):  # type: ignore[misc]
    """A directory, seen as if it lay on a Mac."""

    use_ns = True

    def __init__(self, root: str) -> None:
        self._root = root

    def _place(self, path: str) -> str:
        """Where `path` lies, of whose names each may be spelt otherwise."""
        place = self._root
        for name in path.split("/"):
            if name:
                place = os.path.join(place, self._spelt(place, name))
        return place

    def _spelt(self, place: str, name: str) -> str:
        if os.path.lexists(os.path.join(place, name)):
            return name
        try:
            names = os.listdir(place)
        except OSError:
            return name
        return next((each for each in names if _key(each) == _key(name)), name)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        status = os.lstat(self._place(path)) if fh is None else os.fstat(fh)
        known = ("mode", "nlink", "uid", "gid", "size", "ino", "blocks")
        return {
            **{f"st_{key}": getattr(status, f"st_{key}") for key in known},
            **{f"st_{key}": getattr(status, f"st_{key}_ns") for key in ("atime", "ctime", "mtime")},
        }

    def readdir(self, path: str, fh: int) -> list[tuple[str, dict[str, int], int]]:
        place = self._place(path)
        names = (".", "..", *os.listdir(place))
        return [(name, {"st_ino": os.lstat(os.path.join(place, name)).st_ino}, 0) for name in names]

    def readlink(self, path: str) -> str:
        return os.readlink(self._place(path))

    def mkdir(self, path: str, mode: int) -> int:
        os.mkdir(self._new(path), mode)
        return 0

    def rmdir(self, path: str) -> int:
        os.rmdir(self._place(path))
        return 0

    def unlink(self, path: str) -> int:
        os.unlink(self._place(path))
        return 0

    def symlink(self, target: str, source: str) -> int:
        os.symlink(source, self._new(target))
        return 0

    def link(self, target: str, source: str) -> int:
        os.link(self._place(source), self._new(target))
        return 0

    def rename(self, old: str, new: str) -> int:
        one, other = self._place(old), self._place(new)
        if one != other and os.path.lexists(other):
            os.rename(one, other)
            one = other
        os.rename(one, self._respelt(new))
        return 0

    def _respelt(self, path: str) -> str:
        parent, _, name = path.rpartition("/")
        return os.path.join(self._place(parent), name)

    def _new(self, path: str) -> str:
        """Where a new name is made; or the one that is there already."""
        try:
            path.encode()
        except UnicodeEncodeError:
            raise FuseOSError(errno.EILSEQ) from None
        return self._place(path)

    def create(self, path: str, mode: int, fi: int | None = None) -> int:
        return os.open(self._new(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)

    def open(self, path: str, flags: int) -> int:
        return os.open(self._place(path), flags)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        os.truncate(self._place(path) if fh is None else fh, length)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        os.fsync(fh)
        return 0

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._place(path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        os.lchown(self._place(path), uid, gid)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        os.utime(self._place(path), ns=times, follow_symlinks=False)
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        known = os.statvfs(self._root)
        names = ("bavail", "bfree", "blocks", "bsize", "favail", "ffree", "files", "frsize")
        return {f"f_{name}": getattr(known, f"f_{name}") for name in names} | {"f_namemax": 255}


def _key(name: str) -> str:
    """What two spellings of one name have in common (The Unicode Standard, D145)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


if __name__ == "__main__":
    main()
