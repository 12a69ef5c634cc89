"""Encodes the headers of a zip, each in exactly one way.

The format is that of PKWARE's APPNOTE 6.3.10, with ZIP64 where the first one is too small, and
Unix modes and owners as Info-ZIP has them (its proginfo/extrafld.txt). A member has two headers:
one before its content, and one in the central directory at the end, which has its mode.
"""

from __future__ import annotations

import stat
import struct
import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import DIR, FILE, LINK, carried

if TYPE_CHECKING:
    from provisioning.artifact.tar.ustar import Member

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
