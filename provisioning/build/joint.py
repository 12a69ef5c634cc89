"""Knows how parts of a content, deflated each on its own, become one stream (RFC 1951).

A deflate stream tells its end in the header of its last block, and so would the first part. No
library that makes the same bytes everywhere leaves a stream open; but where the last block begins
can be found: the same content with more behind it makes the same blocks, up to there.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Press = Callable[[bytes | bytearray], bytes | bytearray]
    Bytes = bytes | bytearray | memoryview

END = b"\x03\x00"  # an empty block, the last one
_CRC = struct.Struct("<L")
# More than libdeflate puts into one block, so that the longer content's block cannot be the last.
MORE = 320_000
# An empty stored block, to end on a byte: its header needs three bits, which there may be or not.
_ALIGNED = (b"\0\0\xff\xff", b"\0\0\0\xff\xff")
_LONGEST_STORED = 0xFFFF


def part(data: bytes | bytearray, press: Press) -> bytes:
    """Deflate a part of a content, for others to follow, behind its CRC-32."""
    opened = _opened(data, press)
    return _CRC.pack(zlib.crc32(data)) + (_stored(data) if opened is None else opened)


class Joint:
    """A content that is put together from its parts; `crc` is its CRC-32."""

    def __init__(self) -> None:
        self.crc = 0

    def add(self, made: Bytes, length: int) -> memoryview:
        """Take one more part, of a content of `length` bytes; return what of it is the stream."""
        (crc,) = _CRC.unpack_from(made)
        # CRC-32 is affine: what zeros make of the first part's is all that it does to the second's.
        self.crc = zlib.crc32(bytes(length), self.crc) ^ _crc_of_zeros(length) ^ crc
        return memoryview(made)[_CRC.size :]


@lru_cache(maxsize=4)
def _crc_of_zeros(length: int) -> int:
    return zlib.crc32(bytes(length))


def _opened(data: bytes | bytearray, press: Press) -> bytes | None:
    """The stream of `data` without an end; None where it cannot be found."""
    stream = bytearray(press(data))
    tail = data[-MORE:]
    longer = press(data + tail * (MORE // len(tail)))
    differing = int.from_bytes(stream, "little") ^ int.from_bytes(longer[: len(stream)], "little")
    first = (differing & -differing).bit_length() - 1
    stream[first // 8] ^= 1 << first % 8
    for aligned in _ALIGNED:
        opened = bytes(stream) + aligned
        if _holds(opened + END, data):
            return opened
    return None


def _holds(stream: bytes, data: bytes | bytearray) -> bool:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return inflate.decompress(stream) == data and inflate.eof and not inflate.unused_data
    except zlib.error:
        return False


def _stored(data: bytes | bytearray) -> bytes:
    """The stream of `data` as it is."""
    blocks = []
    for start in range(0, len(data), _LONGEST_STORED):
        block = data[start : start + _LONGEST_STORED]
        blocks += [struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF), block]
    return b"".join(blocks)
