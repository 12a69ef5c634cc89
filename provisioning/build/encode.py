"""Knows how bytes become one gzip member (RFC 1952) that is the same on every machine."""

from __future__ import annotations

from importlib.metadata import version

LEVEL = 7

# Recorded with the archive, and part of every chunk's key: another libdeflate, which each version
# of its binding carries inside, or another level makes other bytes of the same content.
ENCODER = f"gzip, deflate {version('deflate')} -{LEVEL}"


def gzip_member(data: bytes | bytearray) -> bytearray:
    """`data`, compressed on its own: members that follow each other are one gzip file.

    Its header is codec.HEADER: no name, no time, no system. Other threads run meanwhile.
    """
    # Imported here: graph.py needs the name of the encoder for a build that compresses nothing.
    from deflate import gzip_compress  # noqa: PLC0415

    return gzip_compress(data, LEVEL)
