"""Knows how a file of compressed chunks is read: checked to its last byte, in bounded memory.

A chunk is one gzip member, one xz stream or one zstd frame, and each begins as this tool has it
begin. Chunks of no bytes are refused, like everything that is none: whatever lies in the file is
part of what was checked.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Protocol

from provisioning.artifact.index import Chunk
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_MEMORY = 128 << 20
"""Bytes that a decoder may take: enough for the largest window that an encoder here may choose."""


class Decoder(Protocol):
    """What unpacks one chunk."""

    eof: bool
    """Whether the chunk has ended."""
    rest: bytes
    """What it was given and has not taken yet: after the end, what follows the chunk."""

    def __call__(self, source: bytes, room: int) -> bytes:
        """Unpack `room` bytes, or what there is. Raises ValueError, telling why not."""


class ChunkReader(io.RawIOBase):
    """The uncompressed bytes of a raw stream of chunks.

    `limit` bounds how many bytes come out; whoever learns how many there can be lowers it.
    `on_chunk` is told each chunk when it ends. Reading raises ArtifactError, with the offset in
    the archive, for what is damaged, cut off, no chunk, or more than the limit.
    """

    name: str
    header: bytes
    """What each chunk begins with."""
    longest_begin: int
    """How many bytes tell whether a chunk begins as it should."""
    block: int
    """How many bytes are unpacked at once."""
    is_single = False
    """Whether a second chunk is one too many."""

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
        """What unpacks the next chunk."""
        raise NotImplementedError

    @staticmethod
    def joint(length: int, following: int) -> tuple[bytes, bytes]:
        """How a chunk of `length` bytes ends, and how one of `following` bytes begins after it."""
        raise NotImplementedError

    def fault(self, begin: bytes, length: int) -> str | None:
        """Why a chunk that begins so, and unpacked to `length` bytes, is none of this tool's."""
        del begin, length
        return None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io has no other
        while not self._made:
            # Not before what has come out is asked for: there, a member may tell its name.
            if self._tar_offset > self.limit:
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
            raise self._fault("there should be one alone")
        if not self._pending.startswith(self.header):
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
            raise self._fault("cut off")
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
        if not tar_length:
            raise self._fault("it holds nothing")
        if fault := self.fault(self._begin, tar_length):
            raise self._fault(fault)
        if self._on_chunk:
            digests = self._digest.hexdigest(), self._tar_digest.hexdigest()
            self._on_chunk(Chunk(self._start, length, self._tar_start, tar_length, *digests))

    def _fault(self, reason: str) -> ArtifactError:
        return ArtifactError(f"is damaged in the chunk at byte {self._start}: {reason}")
