"""Writes and reads the members of a tar, each header in exactly one encoding.

The format is ustar with PAX records where ustar is too small (POSIX.1-2001, pax(5)).
"""

from __future__ import annotations

import re
import struct
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from provisioning.artifact import filesystem
from provisioning.artifact.filesystem import MIB
from provisioning.artifact.model.entry import (
    DIR,
    FILE,
    LINK,
    MANIFEST,
    RESERVED,
    Entry,
    carried,
    path_fault,
    shown,
)
from provisioning.artifact.tar import chunking
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLOCK = 512
END = bytes(2 * BLOCK)
EPOCH = 946684800  # 2000-01-01T00:00:00Z: positive, and late enough for zip

_ZEROS = bytes(BLOCK)
LARGEST_SIZE = 0o77777777777  # eleven octal digits: 8 GiB - 1
_SIZE_BITS = 88  # of base 256
LONGEST_NAME, _LONGEST_PREFIX = 100, 155
_LONGEST_PAX = 64 * 1024

# name, mode uid gid, size, mtime, checksum, type, link, magic, owner, group, devices, prefix
_USTAR = struct.Struct("100s 24s 12s 12s 8s c 100s 8s 32s 32s 16s 155s 12x")
_SIZE, _FLAG = slice(124, 135), slice(156, 157)
_IDS, _REST = slice(100, 124), slice(156, 512)
_MTIME = b"%011o" % EPOCH
_MAGIC = b"ustar\x0000"
_DEVICES = b"0000000\x000000000\x00"
TYPES = {FILE: b"0", DIR: b"5", LINK: b"2"}
_NAMES = {flag: name for name, flag in TYPES.items()}
_FOREIGN = {
    b"1": "a hard link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a FIFO",
    b"g": "a global PAX header",
    b"K": "a GNU long link",
    b"L": "a GNU long name",
    b"S": "a GNU sparse file",
}
STRANGE = "its header is damaged, or written by another tool"
_OCTAL = re.compile(rb"[0-7]+")
_PAX = b"x"
_PAX_NAME = b"././@PaxHeader"


class Member(NamedTuple):
    """One member of an archive; the name of a directory ends in a slash, sizes are in bytes."""

    name: str
    type: str
    mode: int
    owner: str
    group: str
    size: int = 0
    link: str = ""
    mtime: int = EPOCH
    """In seconds."""


class Readable(Protocol):
    """A stream whose `read(n)` returns fewer than n bytes only at the end."""

    def read(self, size: int, /) -> bytes: ...


def header(member: Member, *, octal: bool = False) -> bytes:
    """Encode a member's header: 512 bytes, or a PAX header, its records and 512 bytes.

    `octal`: a size with too many octal digits is given in its record alone.
    """
    name, prefix, link, size = member.name.encode(), b"", member.link.encode(), member.size
    records = b""
    if len(link) > LONGEST_NAME or not link.isascii():
        records += _record(b"linkpath", link)
        link = _legacy(link)
    if len(name) > LONGEST_NAME or not name.isascii():
        prefix, name = _split(name)
        if not prefix:
            records += _record(b"path", name)
            name = _legacy(name)
    if size > LARGEST_SIZE:
        records += _record(b"size", b"%d" % size)  # guard: size-in-pax
        size = 0 if octal else size
    numbers = spelt_size(size), b"%011o" % member.mtime
    block = _ustar((prefix, name), spelt_ids(*member[2:5]), numbers, TYPES[member.type], link)
    return _pax(records) + block if records else block


def file_header(name: str, mode: int, owner: str, group: str, numbers: tuple[int, int]) -> bytes:
    """Encode the header of a file whose name and size fit into one block, in less time.

    `numbers` are its size and its time.
    """
    ids, rest, weight = _around(mode, owner, group)
    begin = b"%b%b%011o\0%011o\0" % (name.encode().ljust(LONGEST_NAME, b"\0"), ids, *numbers)
    return b"%b%06o\0 %b" % (begin, checksum(begin) + weight, rest)


@lru_cache(maxsize=256)
def _around(mode: int, owner: str, group: str) -> tuple[bytes, bytes, int]:
    """The bytes between name and size, those after the checksum, and the sum of both and blanks."""
    block = header(Member("", FILE, mode, owner, group))
    ids, rest = block[_IDS], block[_REST]
    return ids, rest, checksum(rest) + checksum(b" " * 8)


def length(member: Member) -> int:
    """The bytes of tar that a member takes: header, content and padding."""
    ordinary = _is_short(member.name) and _is_short(member.link) and member.size <= LARGEST_SIZE
    head = BLOCK if ordinary else len(header(member))
    return head + member.size + padding(member.size)


def read_members(stream: Readable) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """Read the members of a tar and their contents, in blocks of at most a MiB, to the very end.

    What the caller has not read of a content is dropped before the next member. Raises
    ArtifactError, with the member's name, for whatever `header` would have encoded differently:
    other types and formats, unsafe names, a wrong checksum, an invalid end.
    """
    while (block := _read(stream, BLOCK)) != _ZEROS:
        member = _read_member(stream, block)
        content = read_content(stream, member.name, member.size)
        yield member, content
        for _ in content:
            pass
    if _read(stream, BLOCK) != _ZEROS or stream.read(1):  # guard: after-the-end-of-a-tar
        raise ArtifactError("the tar inside goes on after its end")


def read_content(stream: Readable, name: str, size: int) -> Iterator[bytes]:
    """Read what follows the header of a file, in blocks of at most a MiB, and the padding."""
    left = size
    while left:
        block = _read(stream, min(left, MIB))
        left -= len(block)
        yield block
    rest = padding(size)
    if rest and _read(stream, rest) != bytes(rest):  # guard: tar-padding
        raise ArtifactError(f"{shown(name)}: is not followed by zeros")


def padding(size: int) -> int:
    """The number of zero bytes that follow a content of `size` bytes."""
    return -size % BLOCK


def _is_short(name: str) -> bool:
    return len(name) <= LONGEST_NAME and name.isascii()


def _ustar(
    place: tuple[bytes, bytes],
    ids: tuple[bytes, bytes, bytes],
    numbers: tuple[bytes, bytes],
    flag: bytes,
    link: bytes,
) -> bytes:
    prefix, name = place
    rights, owner, group = ids
    block = _USTAR.pack(
        name, rights, *numbers, b" " * 8, flag, link, _MAGIC, owner, group, _DEVICES, prefix
    )
    return b"%b%06o\0 %b" % (block[:148], checksum(block), block[156:])


def checksum(block: bytes) -> int:
    """Add up the bytes of a header."""
    # The low half of Adler-32 is 1 + the sum of the bytes modulo 65,521 (RFC 1950), and 512 ASCII
    # bytes add up to less: C instead of a Python loop over every header.
    return (zlib.adler32(block) & 0xFFFF) - 1


@lru_cache(maxsize=256)
def spelt_ids(mode: int, owner: str, group: str) -> tuple[bytes, bytes, bytes]:
    """Encode the mode with the numbers of owner and group, and the names of both."""
    uid, user = (int(owner), "") if owner.isdigit() else (0, owner)
    gid, team = (int(group), "") if group.isdigit() else (0, group)
    return b"%07o\0%07o\0%07o\0" % (mode, uid, gid), user.encode(), team.encode()


def spelt_size(size: int) -> bytes:
    """Encode a size: in octal, or in base 256 if it is too large, which busybox needs too."""
    # guard: size-in-base-256
    return b"\x80" + size.to_bytes(11, "big") if size > LARGEST_SIZE else b"%011o" % size


def _split(name: bytes) -> tuple[bytes, bytes]:
    """Split a long ASCII name into ustar's prefix and name; ("", name) if it does not fit."""
    cut = name.find(b"/", max(0, len(name) - LONGEST_NAME - 1), len(name) - 1)
    if 0 < cut <= _LONGEST_PREFIX and name.isascii():
        return name[:cut], name[cut + 1 :]
    return b"", name


def _legacy(name: bytes) -> bytes:
    """A name for readers that ignore PAX records."""
    return name.decode().encode("ascii", "replace")[:LONGEST_NAME]


def _record(key: bytes, value: bytes) -> bytes:
    """Encode a PAX record, which begins with its own length."""
    rest = b" %b=%b\n" % (key, value)
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return b"%d%b" % (length, rest)


def _pax(records: bytes) -> bytes:
    ids = spelt_ids(0o644, "0", "0")
    numbers = b"%011o" % len(records), _MTIME
    block = _ustar((b"", _PAX_NAME), ids, numbers, _PAX, b"")
    return block + records + bytes(padding(len(records)))


def _read(stream: Readable, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ArtifactError("the tar inside is cut off")  # guard: tar-cut-off
    return data


def _read_member(stream: Readable, block: bytes) -> Member:
    spelling, records = block, b""
    if block[_FLAG] == _PAX:
        records = _read_records(stream, block)
        block = _read(stream, BLOCK)
        spelling += records + bytes(padding(len(records))) + block
    if block[_FLAG] not in _NAMES:  # guard: tar-types
        kind = _FOREIGN.get(block[_FLAG], "of an unknown type")
        raise ArtifactError(f"{_label(block)}: is {kind}, which no package contains")
    try:
        member = _parse(block, records)
    except ValueError:  # an invalid number or text
        raise ArtifactError(f"{_label(block)}: {STRANGE}") from None
    fault = _fault(member, spelling)
    if fault:
        raise ArtifactError(f"{shown(member.name)}: {fault}")
    return member


def _read_records(stream: Readable, block: bytes) -> bytes:
    length = _octal(block[_SIZE])
    if not 0 < length <= _LONGEST_PAX:  # guard: pax-header-length
        raise ArtifactError(f"{_label(block)}: does not have 1 to {_LONGEST_PAX} bytes")
    records = _read(stream, length)
    if _read(stream, padding(length)) != bytes(padding(length)):
        raise ArtifactError(f"{_label(block)}: is not followed by zeros")
    return records


def _parse(block: bytes, records: bytes) -> Member:
    """Read a member's header, without checking its encoding."""
    name, numbers, size, mtime, _, flag, link, _, owner, group, _, prefix = _USTAR.unpack(block)
    pax = dict(_parse_records(records)) if records else {}
    path = b"/".join(filter(None, (_text(prefix), _text(name))))
    return Member(
        pax.get(b"path", path).decode(),
        _NAMES[flag],
        *_parse_ids(numbers, owner, group),
        int(pax[b"size"]) if b"size" in pax else _octal(_text(size)),
        pax.get(b"linkpath", _text(link)).decode(),
        _octal(_text(mtime)),
    )


@lru_cache(maxsize=256)
def _parse_ids(numbers: bytes, owner: bytes, group: bytes) -> tuple[int, str, str]:
    mode, uid, gid = (_octal(numbers[start : start + 7]) for start in (0, 8, 16))
    return mode, _text(owner).decode("ascii") or str(uid), _text(group).decode("ascii") or str(gid)


def _text(field: bytes) -> bytes:
    return field.rstrip(b"\0")


def _parse_records(records: bytes) -> Iterator[tuple[bytes, bytes]]:
    while records:
        digits, _, _ = records.partition(b" ")
        length = int(digits)
        if length <= len(digits):  # guard: pax-record-length
            raise ValueError(length)  # or this would never end
        key, _, value = records[len(digits) + 1 : length - 1].partition(b"=")
        yield key, value
        records = records[length:]


def _fault(member: Member, spelling: bytes) -> str | None:
    directory = member.type == DIR
    if directory and not member.name.endswith("/"):
        return "is a directory without a slash"
    fault = path_fault(member.name[:-1] if directory else member.name)  # guard: tar-member-path
    if fault:
        return fault
    # guard: negative-field
    if min(member.size, member.mode, member.mtime) < 0 or member.size >> _SIZE_BITS:
        return "contains an invalid number"
    if (member.size and member.type != FILE) or (member.link and member.type != LINK):
        return "has a size or a link that its type cannot have"
    # One comparison for all that was not looked at: checksum, magic, zeros, and records that are
    # unknown, not needed, out of order or there twice. Older versions wrote a large size in its
    # record alone.
    known = header(member) == spelling or header(member, octal=True) == spelling
    return None if known else STRANGE  # guard: strange-tar-header


def _octal(field: bytes) -> int:
    """Read a number; -1 for anything else: int() would accept signs and underscores."""
    return int(field, 8) if _OCTAL.fullmatch(field) else -1  # guard: octal-field


def _label(block: bytes) -> str:
    return shown(_text(block[:LONGEST_NAME]).decode(errors="replace"))


_SPAN = 20 * 365 * 24 * 3600  # seconds: from EPOCH on, and never in the future


def mtime_of_content(entry: Entry) -> int:
    """The time of a file, in seconds, derived from its content; else EPOCH.

    A file's is never EPOCH, by which readers see whether times depend on contents: not even in a
    zip, which halves it.
    """
    if entry.type != FILE:
        return EPOCH
    return EPOCH + max(2, int(entry.digest[:16], 16) % _SPAN)  # guard: time-of-content


def reserved(manifest: bytes) -> tuple[Entry, Entry]:
    """The entries that are not in the manifest: the manifest itself, and its directory."""
    return (
        Entry(RESERVED, DIR, 0o755, "root", "root"),
        Entry(MANIFEST, FILE, 0o644, "root", "root", len(manifest), filesystem.of_bytes(manifest)),
    )


def top(name: str) -> Member:
    """The top directory in an archive of the package `name`."""
    return Member(f"{name}/", DIR, 0o755, "root", "root")


def preamble(manifest: bytes, name: str, *, by_content: bool = False) -> tuple[Member, ...]:
    """The first members of an archive of the package `name`; the last is the manifest."""
    entries = reserved(manifest)
    return (top(name), *(member(entry, name, by_content=by_content) for entry in entries))


def member(entry: Entry, name: str, *, by_content: bool = False) -> Member:
    """The member for an entry in an archive of the package `name`.

    `by_content`: files have modification times derived from their contents.
    """
    slash = "/" if entry.type == DIR else ""
    return Member(
        f"{name}/{entry.path}{slash}",
        entry.type,
        carried(entry.mode, entry.owner, entry.group),
        entry.owner,
        entry.group,
        entry.size,
        entry.link,
        # guard: time-of-a-tar-member
        mtime_of_content(entry) if by_content else EPOCH,
    )


def chunks(manifest: bytes, entries: Sequence[Entry], name: str, codec: str) -> Iterator[int]:
    """The length in bytes of tar of each chunk of an archive, computed from its manifest."""
    spelling, level = Posix(name), chunking.LEVEL_OF[codec]
    yield len(spelling.preamble(manifest)) + len(manifest) + padding(len(manifest))
    lengths = list(map(spelling.length, entries))
    paths = [entry.path for entry in entries]
    cut = list(chunking.boundaries(zip(paths, lengths)))
    groups = [(paths[some.stop - 1], sum(lengths[some])) for some in cut]
    for some in chunking.joined(groups, level):
        length = sum(length for _, length in groups[some])
        yield from (each.stop - each.start for each in chunking.pieces(length, level))
    yield len(END)


class Spelling(Protocol):
    """How a tar encodes the entries of a package."""

    @property
    def key(self) -> str:
        """What a header depends on besides its entry."""

    def header(self, entry: Entry) -> bytes:
        """The bytes of tar that precede an entry's content."""

    def length(self, entry: Entry) -> int:
        """How many bytes of tar an entry takes: header, content and padding."""

    def preamble(self, manifest: bytes) -> bytes:
        """The bytes of tar that precede those of a manifest, which come first."""


class Posix:
    """The encoding of a POSIX tar, with all entries in the directory `NAME/`.

    `by_content`: files have modification times derived from their contents; no length depends on
    it.
    """

    def __init__(self, name: str, *, by_content: bool = False) -> None:
        self._name, self._by_content = name, by_content
        self.key = f"posix {by_content} {name}"
        self._short = LONGEST_NAME - len(name) - 1

    def header(self, entry: Entry) -> bytes:
        """See Spelling."""
        path, kind, mode, owner, group, size, *_ = entry
        if kind == FILE and self.length_of_file(path, size):
            # guard: header-by-content
            numbers = size, mtime_of_content(entry) if self._by_content else EPOCH
            mode = carried(mode, owner, group)
            return file_header(f"{self._name}/{path}", mode, owner, group, numbers)
        return header(self.member(entry))

    def member(self, entry: Entry) -> Member:
        """The member for an entry."""
        return member(entry, self._name, by_content=self._by_content)

    def length(self, entry: Entry) -> int:
        """See Spelling."""
        if entry.type == FILE and (known := self.length_of_file(entry.path, entry.size)):
            return known
        return length(member(entry, self._name))

    def length_of_file(self, path: str, size: int) -> int:
        """The bytes of tar that an ordinary file takes; 0 if that depends on more."""
        # Nearly every entry there is: a name and a size that need no more than one block.
        if len(path) <= self._short and path.isascii() and size <= LARGEST_SIZE:
            return BLOCK + size + -size % BLOCK
        return 0

    def preamble(self, manifest: bytes) -> bytes:
        """See Spelling."""
        begin = preamble(manifest, self._name, by_content=self._by_content)
        return b"".join(map(header, begin))
