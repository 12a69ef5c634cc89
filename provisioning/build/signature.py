"""Knows when a file may have changed without reading it: what lstat(2) says of it."""

from __future__ import annotations

from operator import attrgetter
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


numbers = attrgetter("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_mode")
"""What a Signature holds, as a plain tuple, in a third of the time: what is done for each file is
what a build with nothing to do consists of."""


def signature(status: os.stat_result) -> Signature:
    """The signature in what lstat(2) says of a path."""
    return Signature._make(numbers(status))


def is_settled(ctime: int, now: int) -> bool:
    """Whether a change made after `now` would show in a file stamped at `ctime` (nanoseconds)."""
    tick = _TICK_NS if ctime % 1_000_000_000 else _COARSE_TICK_NS
    return now - ctime > tick
