"""Knows how chunks of zstd are read: a frame each (RFC 8878)."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from provisioning.artifact.codec.reader import MOST_MEMORY, ChunkReader
from provisioning.errors import ArtifactError

# Magic, and what follows it in a frame of a known size, which is its window too, with a checksum:
# the size takes 1, 2, 4 or 8 bytes.
_MAGIC = b"\x28\xb5\x2f\xfd"
_FLAGS = b"\x24\x64\xa4\xe4"
_SIZES = (256, 65536 + 256, 1 << 32)
_LONGEST = len(_MAGIC) + 1 + 8

# A call unpacks all that it is given, since one cannot learn otherwise where a frame has ended. So
# it is given little, which can be 128 blocks of 128 KiB.
_BLOCK = 512


class _Unzstd:
    """A zstd frame: its checksum is checked at its end.

    Python has zstd from 3.14 on; before, the package `zstandard` serves, where it is installed.
    """

    def __init__(self) -> None:
        self._decompress, self._error = _zstd()
        self.eof, self.rest = False, b""

    def __call__(self, source: bytes, room: int) -> bytes:
        del room
        try:
            data = self._decompress.decompress(source)
        except self._error as error:
            raise ValueError(str(error).rpartition(": ")[2]) from None
        self.eof = self._decompress.eof
        self.rest = self._decompress.unused_data if self.eof else b""
        return bytes(data)


def _zstd() -> tuple[Any, type[Exception]]:
    try:
        # Python 3.14
        from compression import zstd  # type: ignore[import-not-found]  # noqa: PLC0415  # novm

        return zstd.ZstdDecompressor(), zstd.ZstdError
    except ImportError:
        pass
    try:
        import zstandard  # noqa: PLC0415 - optional

        decompressor = zstandard.ZstdDecompressor(max_window_size=MOST_MEMORY)
        return decompressor.decompressobj(), zstandard.ZstdError
    except ImportError:
        raise ArtifactError(
            "needs zstd to be read: Python 3.14, or the package python3-zstandard (pip: zstandard)"
        ) from None


class ZstdReader(ChunkReader):
    """The uncompressed bytes of a raw stream of zstd frames: see ChunkReader."""

    name, header, longest_begin, block = "zstd", _MAGIC, _LONGEST, _BLOCK
    decoder = staticmethod(_Unzstd)

    @staticmethod
    def joint(length: int, following: int) -> tuple[bytes, bytes]:
        """See ChunkReader."""
        del length
        return b"", _header(following)

    def fault(self, begin: bytes, length: int) -> str | None:
        """Hold the frame's header, which no checksum covers, against the one it has here."""
        wanted = begin.startswith(_header(length))
        return None if wanted else "not the zstd header that this tool writes"


def _header(length: int) -> bytes:
    """What a frame of so many bytes begins with (RFC 8878, section 3.1.1.1)."""
    form = bisect_right(_SIZES, length)
    size = length - _SIZES[0] if form == 1 else length
    return _MAGIC + _FLAGS[form : form + 1] + size.to_bytes(1 << form, "little")
