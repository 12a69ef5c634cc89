"""The records of a zip: encodes its headers, each in exactly one way, and reads its stream.

The format is that of PKWARE's APPNOTE 6.3.10, with ZIP64 where the first one is too small, and
Unix modes and owners as Info-ZIP has them (its proginfo/extrafld.txt). A member has two headers:
one before its content, and one in the central directory at the end, which has its mode.
"""

from __future__ import annotations

import stat
import struct
import time
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.filesystem import MIB
from provisioning.artifact.model.entry import DIR, FILE, LINK, carried, path_fault, shown
from provisioning.artifact.tar.archive import Member
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provisioning.artifact.tar.archive import Readable


STORED, DEFLATED = 0, 8

LOCAL, CENTRAL = b"PK\3\4", b"PK\1\2"

# What both headers say: version needed, flags, method, time, date, CRC, sizes, lengths; and what a
# central header says besides: comment, disk, internal and external attributes, offset.
COMMON, REST = struct.Struct("<5H3L2H"), struct.Struct("<3H2L")
END = struct.Struct("<4s4H2LH")
END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
LONGEST_END = END64.size + _LOCATOR.size + END.size
ZIP64, _OWNERS = 0x0001, 0x7875
_OWNERS_FORM = struct.Struct("<2H2BLBL")

_VERSION, _VERSION64 = 20, 45
_MADE_BY = 3 << 8 | _VERSION64  # Unix, so that the modes count
_UTF8 = 1 << 11
_MOST_16, MOST_32 = 0xFFFF, 0xFFFFFFFF
# Deflate may make a content larger by 5 bytes in 65,535, and whether a header needs room for it has
# to be known before.
_LARGE = (1 << 32) - (1 << 20)

KINDS = {FILE: stat.S_IFREG, DIR: stat.S_IFDIR, LINK: stat.S_IFLNK}
_DOS_DIRECTORY = 0x10


class Compressed(NamedTuple):
    """How a content is stored. Sizes are in bytes."""

    method: int  # STORED or DEFLATED
    crc: int
    size: int  # of what is stored


Clock = tuple[int, int]  # time and date, as MS-DOS has them
EMPTY = Compressed(STORED, 0, 0)


def size_of(member: Member) -> int:
    """The size of a member's content: a link's is its target."""
    return len(member.link.encode()) if member.type == LINK else member.size


def is_large(size: int) -> bool:
    """Whether a content of so many bytes takes ZIP64."""
    return size >= _LARGE


def is_possible(kind: str, size: int, packed: Compressed) -> bool:
    """Whether a content of this size can be stored so: links are not compressed."""
    if kind == DIR or not size:
        return not size and packed == EMPTY
    if packed.method == STORED:
        return packed.size == size
    return packed.method == DEFLATED and kind == FILE


def clock(seconds: int) -> Clock:
    """Encode a time from 1980 to 2107, in UTC; a zip has every second second."""
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day


def local(member: Member, clock: Clock, packed: Compressed) -> bytes:
    """Encode the local header, which precedes a member's content."""
    size = size_of(member)
    extra = _extra((size, packed.size) if is_large(size) else (), member)
    return LOCAL + _common(member, clock, packed, len(extra)) + member.name.encode() + extra


def central(member: Member, clock: Clock, packed: Compressed, offset: int) -> bytes:
    """Encode the central header of a member whose local header lies at `offset`."""
    size = size_of(member)
    numbers = (size, packed.size) if is_large(size) else ()
    if offset >= MOST_32:
        numbers = (*numbers, offset)
    extra = _extra(numbers, member)
    made_by = _MADE_BY.to_bytes(2, "little")
    common = _common(member, clock, packed, len(extra))
    if numbers:
        common = _VERSION64.to_bytes(2, "little") + common[2:]
    has_numbers = bool(_owners(member.owner, member.group))
    mode = carried(member.mode, member.owner, member.group, numbers=has_numbers)
    attributes = (KINDS[member.type] | mode) << 16
    if member.type == DIR:
        attributes |= _DOS_DIRECTORY
    rest = REST.pack(0, 0, 0, attributes, min(offset, MOST_32))
    return b"".join((CENTRAL, made_by, common, rest, member.name.encode(), extra))


def end(count: int, size: int, offset: int) -> bytes:
    """Encode the end, after a central directory of `count` members and `size` bytes at `offset`."""
    spelt = b""
    if count >= _MOST_16 or max(size, offset) >= MOST_32:
        counts = (count, count, size, offset)
        spelt = END64.pack(b"PK\6\6", END64.size - 12, _MADE_BY, _VERSION64, 0, 0, *counts)
        spelt += _LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
    count = min(count, _MOST_16)
    sizes = min(size, MOST_32), min(offset, MOST_32)
    return spelt + END.pack(b"PK\5\6", 0, 0, count, count, *sizes, 0)


def _common(member: Member, clock: Clock, packed: Compressed, extra: int) -> bytes:
    size, kept = size_of(member), packed.size
    version = _VERSION
    if is_large(size):
        version, size, kept = _VERSION64, MOST_32, MOST_32
    name = len(member.name.encode())
    return COMMON.pack(version, _UTF8, packed.method, *clock, packed.crc, kept, size, name, extra)


def _extra(numbers: tuple[int, ...], member: Member) -> bytes:
    spelt = b""
    if numbers:
        spelt = struct.pack(f"<2H{len(numbers)}Q", ZIP64, 8 * len(numbers), *numbers)
    return spelt + _owners(member.owner, member.group)


@lru_cache(maxsize=256)
def _owners(owner: str, group: str) -> bytes:
    """The owners, if both are numbers: a name has no place here."""
    if not (owner.isdigit() and group.isdigit()):
        return b""
    return _OWNERS_FORM.pack(_OWNERS, _OWNERS_FORM.size - 4, 1, 4, int(owner), 4, int(group))


STRANGE = "its header is damaged, or written by another tool"

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

    It may be encoded differently than by `local`: see `is_strange`.
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
    if kept > MOST_32 and not is_large(size):  # which could not be encoded at all
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
