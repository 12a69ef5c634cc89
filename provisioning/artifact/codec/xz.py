"""Knows how chunks of xz are read: a stream each (the .xz file format 1.2)."""

from __future__ import annotations

import lzma

from provisioning.artifact.codec.reader import MOST_MEMORY, ChunkReader

# Magic, a CRC-64 of each block, and the CRC-32 of that.
_HEADER = b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46"
_END = b"YZ"

# A call unpacks all that it is given, since one cannot learn otherwise where a stream has ended.
# So it is given little, which becomes at most 15 MB.
_BLOCK = 2048


class _Unxz:
    """An xz stream: each block's CRC-64, its index and its footer are checked."""

    def __init__(self) -> None:
        self._lzma = lzma.LZMADecompressor(lzma.FORMAT_XZ, MOST_MEMORY)
        self.eof, self.rest = False, b""

    def __call__(self, source: bytes, room: int) -> bytes:
        del room
        try:
            data = self._lzma.decompress(source)
        except lzma.LZMAError as error:
            raise ValueError(str(error)) from None
        self.eof, self.rest = self._lzma.eof, self._lzma.unused_data
        return data


class XzReader(ChunkReader):
    """The uncompressed bytes of a raw stream of xz streams: see ChunkReader."""

    name, header, longest_begin, block = "xz", _HEADER, len(_HEADER), _BLOCK
    decoder = staticmethod(_Unxz)

    @staticmethod
    def joint(length: int, following: int) -> tuple[bytes, bytes]:
        """See ChunkReader."""
        del length, following  # they stand in an index, not near enough to the end
        return _END, _HEADER
