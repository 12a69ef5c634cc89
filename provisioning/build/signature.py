"""Knows when a file may have changed without reading it: what lstat(2) says of it."""

from __future__ import annotations

import struct
from array import array
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import os

# A file may change once more within one tick of the clock that stamps it, and no stamp would tell:
# what was stamped this recently is not remembered. (git calls such entries "racily clean".)
_TICK_NS = 50_000_000
_COARSE_TICK_NS = 2_000_000_000  # where the file system counts whole seconds


MARSHAL = 2
"""The version of marshal that spells what is digested. From 3 on, the same values may be spelt
otherwise: it depends on who else refers to them."""


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
_PACKING = struct.Struct("=5q")
_SIZE = struct.Struct("=q")  # which comes first
WIDTH = _PACKING.size
"""Bytes that spell a signature."""
rows = _PACKING.iter_unpack
"""What such bytes spell, each signature as a plain tuple."""


def to_bytes(values: list[int]) -> bytes:
    """Signatures one behind the other, whose fields are these, as bytes."""
    try:
        return array("q", values).tobytes()
    except OverflowError:  # an inode above 2**63, or a time after 2262: as good as another number
        return array("q", [(each + 2**63) % 2**64 - 2**63 for each in values]).tobytes()


def from_bytes(data: bytes) -> Signature:
    """The one signature that `data` spells."""
    return Signature._make(_PACKING.unpack(data))


def size_in(data: bytes) -> int:
    """The size of the file whose signature `data` spells."""
    size: int = _SIZE.unpack_from(data)[0]
    return size


def bytes_of(status: os.stat_result) -> bytes:
    """The signature in what lstat(2) says of a path, spelt as bytes."""
    return to_bytes([*numbers(status)])


def signature(status: os.stat_result) -> Signature:
    """The signature in what lstat(2) says of a path."""
    return from_bytes(bytes_of(status))


def is_same(status: os.stat_result, now: Signature) -> bool:
    """Whether what lstat(2) or fstat(2) says is the signature `now`."""
    # Nearly always they are equal as they stand, which takes a third of the time to tell.
    return numbers(status) == now or signature(status) == now


def is_settled(ctime: int, now: int) -> bool:
    """Whether a change made after `now` would show in a file stamped at `ctime` (nanoseconds)."""
    tick = _TICK_NS if ctime % 1_000_000_000 else _COARSE_TICK_NS
    return now - ctime > tick
