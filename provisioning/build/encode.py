"""Knows how bytes become one gzip member (RFC 1952) that is the same on every machine."""

from __future__ import annotations

import struct
import zlib

from provisioning.artifact.codec import HEADER

LEVEL = 6

# Recorded with the archive: another zlib, or another level, makes other bytes of the same content.
ENCODER = f"zlib {zlib.ZLIB_RUNTIME_VERSION} -{LEVEL}"


def gzip_member(data: bytes) -> bytes:
    """`data`, compressed on its own: members that follow each other are one gzip file."""
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = compressor.compress(data) + compressor.flush()
    # zlib's own header would name the system, and so differ between macOS and Linux.
    return HEADER + deflated + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
