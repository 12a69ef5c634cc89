"""Knows when a file may have changed without reading it: what lstat(2) says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import os

# A file may change once more within one tick of the clock that stamps it, and no stamp would tell:
# what was stamped this recently is not remembered. (git calls such entries "racily clean".)
_TICK_NS = 50_000_000
_COARSE_TICK_NS = 2_000_000_000  # where the file system counts whole seconds


class Signature(NamedTuple):
    """What changes whenever a file may have changed: as lstat(2) gives it, times in nanoseconds."""

    size: int
    mtime: int
    ctime: int  # set by the kernel alone: an edit that puts mtime back is seen all the same
    inode: int
    mode: int


def signature(status: os.stat_result) -> Signature:
    """The signature in what lstat(2) says of a path."""
    return Signature(
        status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode
    )


def is_settled(ctime: int, now: int) -> bool:
    """Whether a change made after `now` would show in a file stamped at `ctime` (nanoseconds)."""
    tick = _TICK_NS if ctime % 1_000_000_000 else _COARSE_TICK_NS
    return now - ctime > tick
