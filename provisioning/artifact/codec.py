"""Decompresses a file of chunks, checked to its last byte, in bounded memory.

A chunk is one gzip member, one xz stream or one zstd frame, with the header that this tool writes.
Empty chunks are refused, and so is anything that is not a chunk: every byte of the file is checked.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import zlib
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Protocol

from provisioning.artifact.tar.chunking import Chunk
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_MEMORY = 128 << 20
"""Bytes that a decoder may take: enough for the largest window that an encoder here may choose."""


class Decoder(Protocol):
    """Unpacks one chunk."""

    eof: bool
    """Whether the chunk has ended."""
    rest: bytes
    """Input that it has not used yet: after the end, what follows the chunk."""

    def __call__(self, source: bytes, room: int) -> bytes:
        """Unpack at most `room` bytes. Raises ValueError with the reason."""


class ChunkReader(io.RawIOBase):
    """The uncompressed bytes of a raw stream of chunks.

    `limit` bounds how many bytes come out; lower it when the size is known. `on_chunk` is called
    with each chunk when it ends. Reading raises ArtifactError, with the offset in
    the archive, for what is damaged, cut off, not a chunk, or above the limit.
    """

    name: str
    header: bytes
    """What each chunk begins with."""
    longest_begin: int
    """How many bytes show whether a chunk begins correctly."""
    block: int
    """How many bytes are unpacked at once."""
    is_single = False
    """Whether there must be only one chunk."""

    def __init__(
        self,
        stream: io.RawIOBase,
        limit: int,
        on_chunk: Callable[[Chunk], object] | None = None,
    ) -> None:
        self.limit = limit
        self._stream = stream
        self._on_chunk = on_chunk
        self._pending = self._made = b""
        self._decode: Decoder | None = None
        self._digest = hashlib.sha256()
        self._tar_digest = hashlib.sha256()
        self._offset = self._start = 0  # in the archive: of the next byte, of this chunk
        self._tar_offset = self._tar_start = 0

    @property
    def tar_size(self) -> int:
        """How many uncompressed bytes have come out so far."""
        return self._tar_offset

    def decoder(self) -> Decoder:
        """A decoder for the next chunk."""
        raise NotImplementedError

    @staticmethod
    def boundary(length: int, following: int) -> tuple[bytes, bytes]:
        """The bytes that end a chunk of `length` bytes, and begin one of `following` bytes."""
        raise NotImplementedError

    def fault(self, begin: bytes, length: int) -> str | None:
        """Why this tool cannot have made a chunk with this header and `length` unpacked bytes."""
        del begin, length
        return None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io has no other
        while not self._made:
            # Raised only once all earlier output was read: the caller then knows which member it is
            # about.
            if self._tar_offset > self.limit:  # guard: unpacked-limit
                allowed = f"the {self.limit} bytes its manifest allows"
                raise self._fault(f"unpacks to more than {allowed}")
            decode = self._decode or self._next_chunk()
            if decode is None:
                return 0
            self._made = self._decompress(decode, len(buffer))
        data, self._made = self._made[: len(buffer)], self._made[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)

    def _next_chunk(self) -> Decoder | None:
        while len(self._pending) < self.longest_begin and (block := self._stream.read(self.block)):
            self._pending += block
        if not self._pending and self._offset:
            return None
        self._start, self._tar_start = self._offset, self._tar_offset
        if self.is_single and self._offset:
            raise self._fault("there must be only one")
        if not self._pending.startswith(self.header):  # guard: gzip-header
            cut = self.header.startswith(self._pending)
            what = f"not the {self.name} header that this tool writes"
            raise self._fault("cut off" if cut else what)
        self._begin = self._pending[: self.longest_begin]
        self._digest, self._tar_digest = hashlib.sha256(), hashlib.sha256()
        self._decode = self.decoder()
        return self._decode

    def _decompress(self, decode: Decoder, room: int) -> bytes:
        source, self._pending = self._pending[: self.block], self._pending[self.block :]
        if not source:
            source = self._stream.read(self.block) or b""
        try:
            data = decode(source, room)
        except ValueError as error:
            raise self._fault(str(error)) from None
        self._pending = decode.rest + self._pending
        self._advance(memoryview(source)[: len(source) - len(decode.rest)], data)
        if decode.eof:
            self._end_chunk()
        elif not source and not data:
            raise self._fault("cut off")  # guard: stream-cut-off
        return data

    def _advance(self, used: memoryview, made: bytes) -> None:
        if self._on_chunk:
            self._digest.update(used)
            self._tar_digest.update(made)
        self._offset += len(used)
        self._tar_offset += len(made)

    def _end_chunk(self) -> None:
        self._decode = None
        length, tar_length = self._offset - self._start, self._tar_offset - self._tar_start
        if not tar_length:  # guard: empty-compressed-member
            raise self._fault("it is empty")
        if fault := self.fault(self._begin, tar_length):
            raise self._fault(fault)
        if self._on_chunk:
            digests = self._digest.hexdigest(), self._tar_digest.hexdigest()
            self._on_chunk(Chunk(self._start, length, self._tar_start, tar_length, *digests))

    def _fault(self, reason: str) -> ArtifactError:
        return ArtifactError(f"is damaged in the chunk at byte {self._start}: {reason}")


# Magic, deflate, no flags, no time, no extra flags, an unknown system: no CRC covers these bytes,
# so one spelling is the only check there is.
HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
# zlib hands back what it did not use, a copy for each member: small blocks keep that cheap even
# where someone packed thousands of members into each of them.
_GZIP_BLOCK = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class _Inflate:
    """A gzip member: its CRC-32 and its length are checked at its end."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP)
        self.eof, self.rest = False, b""

    def __call__(self, source: bytes, room: int) -> bytes:
        try:
            data = self._zlib.decompress(source, room)  # guard: inflate-limit
        except zlib.error as error:
            raise ValueError(str(error).rpartition(": ")[2]) from None
        self.eof = self._zlib.eof
        self.rest = self._zlib.unused_data if self.eof else self._zlib.unconsumed_tail
        return data


class GzipReader(ChunkReader):
    """The uncompressed bytes of a raw stream of gzip members: see ChunkReader."""

    name, header, longest_begin, block = "gzip", HEADER, len(HEADER), _GZIP_BLOCK
    decoder = staticmethod(_Inflate)

    @staticmethod
    def boundary(length: int, following: int) -> tuple[bytes, bytes]:
        """See ChunkReader."""
        del following
        return (length % (1 << 32)).to_bytes(4, "little"), HEADER


# Magic, a CRC-64 of each block, and the CRC-32 of that.
_HEADER = b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46"
_END = b"YZ"

# A call unpacks all of its input: the end of a stream could not be found otherwise. So the input is
# small; it becomes at most 15 MB.
_XZ_BLOCK = 2048  # guard: xz-block


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

    name, header, longest_begin, block = "xz", _HEADER, len(_HEADER), _XZ_BLOCK
    decoder = staticmethod(_Unxz)

    @staticmethod
    def boundary(length: int, following: int) -> tuple[bytes, bytes]:
        """See ChunkReader."""
        del length, following  # they are in an index, too far from the end
        return _END, _HEADER


# Magic, and what follows it in a frame of a known size, which is its window too, with a checksum:
# the size takes 1, 2, 4 or 8 bytes.
_MAGIC = b"\x28\xb5\x2f\xfd"
_FLAGS = b"\x24\x64\xa4\xe4"
_SIZES = (256, 65536 + 256, 1 << 32)
_LONGEST = len(_MAGIC) + 1 + 8

# A call unpacks all of its input: the end of a frame could not be found otherwise. So the input is
# small; it can become 128 blocks of 128 KiB.
_ZSTD_BLOCK = 512  # guard: zstd-block


class _Unzstd:
    """A zstd frame: its checksum is checked at its end.

    Python has zstd from 3.14 on; before, the package `zstandard` is used if it is installed.
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

    name, header, longest_begin, block = "zstd", _MAGIC, _LONGEST, _ZSTD_BLOCK
    decoder = staticmethod(_Unzstd)

    @staticmethod
    def boundary(length: int, following: int) -> tuple[bytes, bytes]:
        """See ChunkReader."""
        del length
        return b"", _header(following)

    def fault(self, begin: bytes, length: int) -> str | None:
        """Compare the frame's header, which no checksum covers, with this tool's."""
        wanted = begin.startswith(_header(length))
        return None if wanted else "not the zstd header that this tool writes"  # guard: zstd-header


def _header(length: int) -> bytes:
    """The header of a frame of so many bytes (RFC 8878, section 3.1.1.1)."""
    form = bisect_right(_SIZES, length)
    size = length - _SIZES[0] if form == 1 else length
    return _MAGIC + _FLAGS[form : form + 1] + size.to_bytes(1 << form, "little")


READERS: dict[str, type[ChunkReader]] = {"gzip": GzipReader, "xz": XzReader, "zstd": ZstdReader}
"""The reader of each codec."""
