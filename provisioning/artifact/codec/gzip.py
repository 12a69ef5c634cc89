"""Knows how chunks of gzip are read: a member each (RFC 1952)."""

from __future__ import annotations

import zlib

from provisioning.artifact.codec.reader import ChunkReader

# Magic, deflate, no flags, no time, no extra flags, an unknown system: no CRC covers these bytes,
# so one spelling is the only check there is.
HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
# zlib hands back what it did not use, a copy for each member: small blocks keep that cheap even
# where someone packed thousands of members into each of them.
_BLOCK = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class _Inflate:
    """A gzip member: its CRC-32 and its length are checked at its end."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP)
        self.eof, self.rest = False, b""

    def __call__(self, source: bytes, room: int) -> bytes:
        try:
            data = self._zlib.decompress(source, room)
        except zlib.error as error:
            raise ValueError(str(error).rpartition(": ")[2]) from None
        self.eof = self._zlib.eof
        self.rest = self._zlib.unused_data if self.eof else self._zlib.unconsumed_tail
        return data


class GzipReader(ChunkReader):
    """The uncompressed bytes of a raw stream of gzip members: see ChunkReader."""

    name, header, longest_begin, block = "gzip", HEADER, len(HEADER), _BLOCK
    decoder = staticmethod(_Inflate)

    @staticmethod
    def joint(length: int, following: int) -> tuple[bytes, bytes]:
        """See ChunkReader."""
        del following
        return (length % (1 << 32)).to_bytes(4, "little"), HEADER
