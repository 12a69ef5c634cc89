"""Knows how parts of a content, deflated each on its own, become one stream (RFC 1951).

A deflate stream tells its end in the header of its last block, and so would the first part. No
library that makes the same bytes everywhere leaves a stream open; but where the last block begins
can be found: the same content with more behind it makes the same blocks, up to there.
"""

from __future__ import annotations

import struct
import zlib
from contextlib import closing
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from provisioning.artifact.model.entry import FILE
from provisioning.artifact.tar import archive, chunking
from provisioning.artifact.tar.ustar import EPOCH
from provisioning.artifact.zip.headers import (
    COMMON,
    DEFLATED,
    EMPTY,
    LOCAL,
    STORED,
    Packed,
    central,
    clock,
    end,
    local,
    size_of,
)
from provisioning.builder.archive import members
from provisioning.builder.archive.compress import encoder_of, press
from provisioning.builder.archive.job import is_by_content, mtime
from provisioning.builder.archive.members import PREAMBLE, Run, key, span_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.tar.ustar import Member
    from provisioning.artifact.zip.headers import Clock
    from provisioning.builder.archive.compress import Pressed
    from provisioning.builder.archive.groups import Group
    from provisioning.builder.archive.job import Order, Tally
    from provisioning.builder.archive.members import Press, Read
    from provisioning.builder.workspace.output import Output
    from provisioning.spec.model.variant import Variant

    Bytes = bytes | bytearray | memoryview


END = b"\x03\x00"  # an empty block, the last one
_CRC = struct.Struct("<L")
# More than libdeflate puts into one block, so that the longer content's block cannot be the last.
MORE = 320_000
# An empty stored block, to end on a byte: its header needs three bits, which there may be or not.
_ALIGNED = (b"\0\0\xff\xff", b"\0\0\0\xff\xff")
_LONGEST_STORED = 0xFFFF


def part(data: bytes | bytearray, press: Press) -> bytes:
    """Deflate a part of a content, for others to follow, behind its CRC-32."""
    opened = _opened(data, press)
    return _CRC.pack(zlib.crc32(data)) + (_stored(data) if opened is None else opened)


class Joint:
    """A content that is put together from its parts; `crc` is its CRC-32."""

    def __init__(self) -> None:
        self.crc = 0

    def add(self, made: Bytes, length: int) -> memoryview:
        """Take one more part, of a content of `length` bytes; return what of it is the stream."""
        (crc,) = _CRC.unpack_from(made)
        # CRC-32 is affine: what zeros make of the first part's is all that it does to the second's.
        self.crc = zlib.crc32(bytes(length), self.crc) ^ _crc_of_zeros(length) ^ crc
        return memoryview(made)[_CRC.size :]


@lru_cache(maxsize=4)
def _crc_of_zeros(length: int) -> int:
    return zlib.crc32(bytes(length))


def _opened(data: bytes | bytearray, press: Press) -> bytes | None:
    """The stream of `data` without an end; None where it cannot be found."""
    stream = bytearray(press(data))
    tail = data[-MORE:]
    longer = press(data + tail * (MORE // len(tail)))
    differing = int.from_bytes(stream, "little") ^ int.from_bytes(longer[: len(stream)], "little")
    first = (differing & -differing).bit_length() - 1
    stream[first // 8] ^= 1 << first % 8
    for aligned in _ALIGNED:
        opened = bytes(stream) + aligned
        if _holds(opened + END, data):
            return opened
    return None


def _holds(stream: bytes, data: bytes | bytearray) -> bool:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return inflate.decompress(stream) == data and inflate.eof and not inflate.unused_data
    except zlib.error:
        return False


def _stored(data: bytes | bytearray) -> bytes:
    """The stream of `data` as it is."""
    blocks = []
    for start in range(0, len(data), _LONGEST_STORED):
        block = data[start : start + _LONGEST_STORED]
        blocks += [struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF), block]
    return b"".join(blocks)


class _Spelt(NamedTuple):
    """What is known of a member before its content is."""

    member: Member
    clock: Clock


class _Share(NamedTuple):
    """What the chunks of one run hold: some members, or each a part of one."""

    run: Run
    members: Sequence[_Spelt]

    @property
    def is_large(self) -> bool:
        """Whether it is one member, in several chunks."""
        return len(self.run.chunks) > 1


def write(order: Order, made: Output) -> None:
    """Make NAME-VERSION-PLATFORM.zip."""
    splice = _Splice(made.file(order.place.artifact(order.format)))
    shares = list(_shares(order))
    planned = order.noted(share.run for share in shares)
    with closing(press(planned, order.store)) as pressed:
        chunks = _counted(pressed, order.tally)
        for share in shares:
            if share.is_large:
                splice.add_large(share.members[0], islice(chunks, len(share.run.chunks)))
            else:
                splice.add(share.members, next(chunks).packed.data)
        next(chunks, None)  # lets the last ones be kept
    splice.finish()


def _counted(pressed: Iterable[Pressed], tally: Tally) -> Iterator[Pressed]:
    for each in pressed:
        tally.count(each)
        yield each


def planned(order: Order) -> Iterator[Run]:
    """The chunks of the zip, in order; no source is read yet."""
    return (share.run for share in _shares(order))


def run(variant: Variant, format: str, group: Group, read: Read) -> Run:
    """The chunks that hold a group, whose small files are read by `read`."""
    return _Plan(variant, format, read).share(group).run


def _shares(order: Order) -> Iterator[_Share]:
    return _Plan(order.variant, order.format).shares(order.manifest, order.groups)


class _Plan:
    """Which chunks a zip is made of, and by which keys the store knows them."""

    def __init__(self, variant: Variant, format: str, read: Read = members.whole) -> None:
        self._variant, self._name, self._read = variant, variant.name, read
        encoder = encoder_of(variant, format)
        self._encoder, self._press = encoder.name, encoder.press
        self._told = f"zip {self._name} {is_by_content(variant)}"

    def shares(self, content: bytes, groups: Iterable[Group]) -> Iterator[_Share]:
        """The chunks, in order: that of the manifest `content`, and those of each group."""
        top = _Spelt(archive.top(self._name), clock(EPOCH))
        spelt = (top, *map(self._spell, archive.reserved(content)))
        named = key(self._encoder, self._told, content), len(content)
        make = partial(_pack, spelt, self._press)
        yield _Share(Run((named,), lambda: iter((content,)), make, PREAMBLE), spelt)
        yield from map(self.share, groups)

    def _spell(self, entry: Entry) -> _Spelt:
        time = clock(mtime(self._variant, entry))
        return _Spelt(archive.member(entry, self._name), time)

    def share(self, group: Group) -> _Share:
        """The chunks of one group."""
        collected, _, lines = group
        spelt = [self._spell(each.entry) for each in collected]
        if len(spelt) == 1 and spelt[0].member.size > chunking.MAX:
            return self._cut(group, spelt)
        size = sum(size_of(each.member) for each in spelt)
        named = key(self._encoder, self._told, lines), size
        make = partial(_pack, spelt, self._press)
        read = partial(members.bare, collected, self._read)
        return _Share(Run((named,), read, make, span_of(collected)), spelt)

    def _cut(self, group: Group, spelt: Sequence[_Spelt]) -> _Share:
        (large,), _, lines = group
        sizes = [piece.stop - piece.start for piece in chunking.pieces(large.entry.size)]
        chunks = tuple(
            (key(self._encoder, f"{self._told} from {number * chunking.MAX}", lines), size)
            for number, size in enumerate(sizes)
        )
        make = partial(part, press=self._press)
        run = Run(chunks, lambda: members.apart(large, b"", sizes), make, span_of([large]))
        return _Share(run, spelt)


def _pack(spelt: Sequence[_Spelt], press: Press, content: bytes | bytearray) -> bytes:
    """Make members, as they lie in a zip, of what they hold, one behind the other."""
    parts: list[bytes | bytearray] = []
    at = 0
    for member, time in spelt:
        held = content[at : at + size_of(member)]
        at += len(held)
        packed, kept = _packed(member, held, press)
        parts += (local(member, time, packed), kept)
    return b"".join(parts)


def _packed(
    member: Member, held: bytes | bytearray, press: Press
) -> tuple[Packed, bytes | bytearray]:
    if not held:
        return EMPTY, b""
    crc = zlib.crc32(held)
    made = press(held) if member.type == FILE else held
    if len(made) < len(held):
        return Packed(DEFLATED, crc, len(made)), made
    return Packed(STORED, crc, len(held)), held


class _Splice:
    """A zip in the making: members, one after the other, and what the end has to tell of each."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._offset = 0
        self._directory: list[bytes] = []

    def add(self, spelt: Iterable[_Spelt], data: Bytes) -> None:
        """Write some more members, as `_pack` has made them."""
        self._file.write(data)
        at = 0
        for member, time in spelt:
            _, _, method, _, _, crc, kept, _, *names = COMMON.unpack_from(data, at + len(LOCAL))
            self._tell(member, time, Packed(method, crc, kept), self._offset + at)
            at += len(LOCAL) + COMMON.size + sum(names) + kept
        self._offset += len(data)

    def add_large(self, spelt: _Spelt, chunks: Iterable[Pressed]) -> None:
        """Write one more member, of the parts of it."""
        member, time = spelt
        start, joined, kept = self._offset, Joint(), 0
        self._file.write(local(member, time, EMPTY))  # until all is known
        for each in chunks:
            part = joined.add(each.packed.data, each.tar_length)
            kept += self._file.write(part)
        kept += self._file.write(END)
        packed = Packed(DEFLATED, joined.crc, kept)
        head = local(member, time, packed)
        self._file.seek(start)
        self._file.write(head)
        self._offset = self._file.seek(start + len(head) + kept)
        self._tell(member, time, packed, start)

    def finish(self) -> None:
        """Write the central directory and the end."""
        directory = b"".join(self._directory)
        self._file.write(directory)
        self._file.write(end(len(self._directory), len(directory), self._offset))

    def _tell(self, member: Member, time: Clock, packed: Packed, offset: int) -> None:
        self._directory.append(central(member, time, packed, offset))
