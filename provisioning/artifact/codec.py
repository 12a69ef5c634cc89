"""Knows how a gzip file of many members is read: checked to its last byte, in bounded memory.

A chunk is one gzip member (RFC 1952) with the header HEADER. Members of no bytes are refused, like
everything that is none: whatever lies in the file is part of what was checked.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from typing import TYPE_CHECKING

from provisioning.artifact.index import Chunk
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable

# Magic, deflate, no flags, no time, no extra flags, an unknown system: no CRC covers these bytes,
# so one spelling is the only check there is.
HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

# zlib hands back what it did not use, a copy for each member: small blocks keep that cheap even
# where someone packed thousands of members into each of them.
_BLOCK = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class GzipReader(io.RawIOBase):
    """The uncompressed bytes of a raw stream of gzip members.

    `limit` bounds how many bytes come out; whoever learns how many there can be lowers it.
    `on_chunk` is told each chunk when it ends. Reading raises ArtifactError, with the offset in
    the archive, for what is damaged, cut off, no gzip member, or more than the limit.
    """

    def __init__(
        self,
        stream: io.RawIOBase,
        limit: int,
        on_chunk: Callable[[Chunk], object] | None = None,
    ) -> None:
        self.limit = limit
        self._stream = stream
        self._on_chunk = on_chunk
        self._pending = b""
        self._inflate: zlib._Decompress | None = None
        self._digest = hashlib.sha256()
        self._tar_digest = hashlib.sha256()
        self._offset = self._start = 0  # in the archive: of the next byte, of this member
        self._tar_offset = self._tar_start = 0

    @property
    def tar_size(self) -> int:
        """How many uncompressed bytes have come out so far."""
        return self._tar_offset

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = b""
        while not data:
            inflate = self._inflate or self._next_member()
            if inflate is None:
                return 0
            data = self._decompress(inflate, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _next_member(self) -> zlib._Decompress | None:
        while len(self._pending) < len(HEADER) and (block := self._stream.read(_BLOCK)):
            self._pending += block
        if not self._pending and self._offset:
            return None
        self._start, self._tar_start = self._offset, self._tar_offset
        if not self._pending.startswith(HEADER):
            cut = HEADER.startswith(self._pending)
            raise self._fault("cut off" if cut else "not the gzip header that this tool writes")
        self._digest, self._tar_digest = hashlib.sha256(), hashlib.sha256()
        self._inflate = zlib.decompressobj(_GZIP)
        return self._inflate

    def _decompress(self, inflate: zlib._Decompress, room: int) -> bytes:
        source = self._pending or self._stream.read(_BLOCK) or b""
        try:
            data = inflate.decompress(source, room)
        except zlib.error as error:
            raise self._fault(str(error).rpartition(": ")[2]) from None
        self._pending = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        self._advance(memoryview(source)[: len(source) - len(self._pending)], data)
        if inflate.eof:
            self._end_member()
        elif not source and not data:
            raise self._fault("cut off")
        return data

    def _advance(self, used: memoryview, made: bytes) -> None:
        if self._on_chunk:
            self._digest.update(used)
            self._tar_digest.update(made)
        self._offset += len(used)
        self._tar_offset += len(made)
        if self._tar_offset > self.limit:
            raise self._fault(f"unpacks to more than the {self.limit} bytes its manifest allows")

    def _end_member(self) -> None:
        self._inflate = None
        length, tar_length = self._offset - self._start, self._tar_offset - self._tar_start
        if not tar_length:
            raise self._fault("it holds nothing")
        if self._on_chunk:
            digests = self._digest.hexdigest(), self._tar_digest.hexdigest()
            self._on_chunk(Chunk(self._start, length, self._tar_start, tar_length, *digests))

    def _fault(self, reason: str) -> ArtifactError:
        return ArtifactError(f"is damaged in the chunk at byte {self._start}: {reason}")


READERS = {"gzip": GzipReader}
"""What reads the chunks of each codec."""
