"""Knows how bytes become one gzip member (RFC 1952) that is the same on every machine."""

from __future__ import annotations

import struct
import zlib

LEVEL = 6

# What decides the bytes besides the content; whoever remembers chunks remembers this with them.
ENCODER = f"zlib {zlib.ZLIB_RUNTIME_VERSION} -{LEVEL}"

# Magic, deflate, no flags, no time, no extra flags, "unknown" system: zlib's own header would
# name the system, and so differ between macOS and Linux.
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def gzip_member(data: bytes) -> bytes:
    """`data`, compressed on its own: members that follow each other are one gzip file."""
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = compressor.compress(data) + compressor.flush()
    return _HEADER + deflated + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
