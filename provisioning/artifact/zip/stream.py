"""Reads the headers and contents of a zip, one after the other, in bounded memory."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.filesystem import MIB
from provisioning.artifact.model.entry import DIR, FILE, path_fault, shown
from provisioning.artifact.tar.ustar import Member
from provisioning.artifact.zip.headers import (
    CENTRAL,
    COMMON,
    END,
    END64,
    LOCAL,
    LONGEST_END,
    MOST_32,
    REST,
    STORED,
    ZIP64,
    Clock,
    Compressed,
    is_large,
    local,
)
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provisioning.artifact.tar.ustar import Readable

STRANGE = "its header is damaged, or another tool's"

_BLOCK = 64 * 1024


class Local(NamedTuple):
    """What a local header says of a member. Sizes are in bytes."""

    name: str
    clock: Clock
    packed: Compressed
    size: int
    spelling: bytes


class ZipStream:
    """The bytes of a zip, in order. Raises ArtifactError if there are too few."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.offset = 0

    def read(self, size: int, name: str = "") -> bytes:
        """Read so many bytes at once; `name` is the member's, if known."""
        data = self._stream.read(size)
        if len(data) < size:
            # guard: zip-cut-off
            raise ArtifactError(f"{shown(name)}: is cut off" if name else "is cut off")
        self.offset += size
        return data

    def rest(self, size: int) -> bytes:
        """Read what is left, up to so many bytes."""
        return self._stream.read(size)


def read_local(source: ZipStream) -> Local:
    """Read what follows LOCAL. Raises ArtifactError, with the member's name, if it is invalid.

    It may be encoded otherwise than by `local`: see `is_strange`.
    """
    head = source.read(COMMON.size)
    _, _, method, *clock, crc, kept, size, name_length, extra_length = COMMON.unpack(head)
    name, extra = source.read(name_length), source.read(extra_length)
    text = name.decode(errors="surrogateescape")
    fault = path_fault(text.removesuffix("/"))  # guard: zip-member-path
    if fault:
        raise ArtifactError(f"{shown(text)}: {fault}")
    if MOST_32 in (size, kept):
        size, kept = _large(extra, (size, kept))
    if kept > MOST_32 and not is_large(size):  # which would have no spelling at all
        raise ArtifactError(f"{shown(text)}: {STRANGE}")
    packed = Compressed(method, crc, kept)
    return Local(text, (clock[0], clock[1]), packed, size, LOCAL + head + name + extra)


def is_strange(found: Local, clock: Clock, owner: str, group: str) -> bool:
    """Whether a local header is not what `local` encodes for this time and owner."""
    kind = DIR if found.name.endswith("/") else FILE
    spelt = Member(found.name, kind, 0, owner, group, found.size)
    return local(spelt, clock, found.packed) != found.spelling  # guard: zip-local-header


def read_content(source: ZipStream, name: str, packed: Compressed, size: int) -> Iterator[bytes]:
    """Read a content of `size` bytes, in blocks of at most a MiB.

    Raises ArtifactError, with the member's name, if it is damaged or of another size.
    """
    crc = made = 0
    for block in (_stored if packed.method == STORED else _inflated)(source, name, packed.size):
        made += len(block)
        if made > size:  # guard: deflated-too-large
            raise ArtifactError(f"{shown(name)}: is damaged: unpacks to more than {size} bytes")
        crc = zlib.crc32(block, crc)
        yield block
    if (made, crc) != (size, packed.crc):  # guard: crc-of-a-zip-member
        raise ArtifactError(f"{shown(name)}: is damaged: wrong size or CRC")


def pass_over(source: ZipStream, found: Local) -> None:
    """Read a content and drop it."""
    for _ in _stored(source, found.name, found.packed.size):
        pass


def read_central(source: ZipStream) -> bytes:
    """Read what follows CENTRAL, and all that belongs to it."""
    head = source.read(2 + COMMON.size + REST.size)
    *_, name, extra = COMMON.unpack_from(head, 2)
    comment, *_ = REST.unpack_from(head, 2 + COMMON.size)
    return CENTRAL + head + source.read(name) + source.read(extra) + source.read(comment)


class Central(NamedTuple):
    """What a central header says."""

    name: str
    mode: int  # as stat(2) gives it
    packed: Compressed
    offset: int  # of the local header
    length: int  # of the central one, in bytes


def parse_central(data: bytes, at: int = 0) -> Central:
    """Decode the central header at `at`, without checking it. Raises struct.error."""
    _, _, method, _, _, crc, kept, size, name, extra = COMMON.unpack_from(data, at + 6)
    comment, _, _, attributes, offset = REST.unpack_from(data, at + 6 + COMMON.size)
    start = at + 6 + COMMON.size + REST.size
    text = data[start : start + name].decode(errors="surrogateescape")
    if MOST_32 in (size, kept, offset):
        numbers = size, kept, offset
        _, kept, offset = _large(data[start + name : start + name + extra], numbers)
    length = start + name + extra + comment - at
    return Central(text, attributes >> 16, Compressed(method, crc, kept), offset, length)


def parse_end(tail: bytes) -> tuple[int, int]:
    """The size and the offset of the central directory. Raises struct.error."""
    *_, size, offset, _ = END.unpack_from(tail, len(tail) - END.size)
    if MOST_32 in (size, offset):
        *_, size, offset = END64.unpack_from(tail, len(tail) - LONGEST_END)
    return size, offset


def _large(extra: bytes, numbers: Sequence[int]) -> list[int]:
    """Each of `numbers`, or its value in ZIP64 if it is too large for its place."""
    count = max(0, len(extra) - 4) // 8
    begin, *said = struct.unpack_from(f"<L{count}Q", extra + bytes(4))
    held = iter(said[: begin >> 19] if begin & 0xFFFF == ZIP64 else ())
    return [next(held, each) if each == MOST_32 else each for each in numbers]


def _stored(source: ZipStream, name: str, left: int) -> Iterator[bytes]:
    while left:
        block = source.read(min(left, MIB), name)
        left -= len(block)
        yield block


def _inflated(source: ZipStream, name: str, left: int) -> Iterator[bytes]:
    inflate, rest = zlib.decompressobj(-zlib.MAX_WBITS), b""
    while not inflate.eof:
        if not rest:
            rest = source.read(min(left, _BLOCK), name)
            left -= len(rest)
        given = bool(rest)
        try:
            block = inflate.decompress(rest, MIB)
        except zlib.error as error:
            told = str(error).rpartition(": ")[2]
            raise ArtifactError(f"{shown(name)}: is damaged: {told}") from None
        rest = inflate.unconsumed_tail
        if block:
            yield block
        elif not given:
            raise ArtifactError(f"{shown(name)}: is damaged: cut off")
    if left or inflate.unused_data:
        raise ArtifactError(f"{shown(name)}: is damaged: goes on after its end")
