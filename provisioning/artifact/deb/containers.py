"""The containers of a Debian package (deb(5)): the ar around it, and GNU tar inside.

dpkg writes names in the ar without the slash that other tools append.
"""

from __future__ import annotations

import io
import re
import struct
from typing import TYPE_CHECKING

from provisioning.artifact.model.entry import DIR, FILE, carried
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.archive import (
    BLOCK,
    EPOCH,
    LONGEST_NAME,
    Member,
    mtime_of_content,
    reserved,
)
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioning.artifact.model.entry import Entry

MAGIC = b"!<arch>\n"
VERSION, CONTROL = "debian-binary", "control.tar.gz"
DATA = {"gzip": "data.tar.gz", "xz": "data.tar.xz", "zstd": "data.tar.zst"}
FORMAT = b"2.0\n"  # what VERSION holds
LARGEST = 9_999_999_999  # bytes of a member: ten digits

HEADER, SIZE = 60, slice(48, 58)
"""How many bytes precede a member, and which of them hold its size."""

_DIGITS = re.compile(rb"(?:0|[1-9][0-9]*) *")


def ar_header(name: str, size: int) -> bytes:
    """Encode the header of a member."""
    return b"%-16b%-12d0     0     100644  %-10d`\n" % (name.encode(), EPOCH, size)


def padding(size: int) -> bytes:
    """The padding of a member of `size` bytes."""
    return b"\n" * (size % 2)


def beginning(control: bytes) -> bytes:
    """Encode everything before the header of the data member."""
    version = ar_header(VERSION, len(FORMAT)) + FORMAT
    return b"".join(
        (MAGIC, version, ar_header(CONTROL, len(control)), control, padding(len(control)))
    )


class Archive:
    """Reads the members of an ar in order.

    Raises ArtifactError for whatever `ar_header` would have encoded differently.
    """

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._member: ArMember | None = None
        if self._read(len(MAGIC)) != MAGIC:
            raise ArtifactError("is not a Debian package")
        if self.member({VERSION: VERSION})[1].readall() != FORMAT:
            raise ArtifactError(f"{VERSION}: is not {FORMAT.decode().strip()}")

    def member(self, names: Mapping[str, str]) -> tuple[str, ArMember]:
        """The key and the content of the next member, which must have one of `names`.

        The member before it must have been read to its end.
        """
        self._finish()
        found = self._read(HEADER)
        size = int(found[SIZE]) if _DIGITS.fullmatch(found[SIZE]) else -1
        for key, name in names.items():
            if found == ar_header(name, size):
                self._member = ArMember(self._stream, size)
                return key, self._member
        raise ArtifactError(f"has no {' or '.join(names.values())} where it should be")

    def end(self) -> None:
        """Check that nothing follows."""
        self._finish()
        if self._stream.read(1):
            raise ArtifactError("goes on after its end")

    def _finish(self) -> None:
        if self._member:
            fill = padding(self._member.size)
            if self._member.left or self._read(len(fill)) != fill:
                raise ArtifactError("a member of its ar does not end where it should")
            self._member = None

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (block := self._stream.read(size - len(data))):
            data += block
        return data


class ArMember(io.RawIOBase):
    """The bytes of a member, read from the stream of the ar."""

    def __init__(self, stream: io.RawIOBase, size: int) -> None:
        self._stream = stream
        self.size = self.left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io has no other
        count = self._stream.readinto(memoryview(buffer)[: self.left]) or 0
        self.left -= count
        return count


# name, mode uid gid, size, mtime, checksum, type, link, magic, owner, group; nothing more is used
_BLOCK = struct.Struct("100s 24s 12s 12s 8s c 100s 8s 32s 32s 183x")
_MAGIC = b"ustar  \x00"
_LONG = b"././@LongLink"
_LONG_NAME, _LONG_LINK = b"L", b"K"
_NO_TIME = b"00000000000"


def tar_header(member: Member, time: int = archive.EPOCH) -> bytes:
    """Encode a member's header: 512 bytes, preceded by names that do not fit. `time` in seconds."""
    name, link, long = member.name.encode(), member.link.encode(), b""
    if len(link) > LONGEST_NAME:
        long += _long(_LONG_LINK, link)
    if len(name) > LONGEST_NAME:
        long += _long(_LONG_NAME, name)
    ids = archive.spelt_ids(*member[2:5])
    numbers = archive.spelt_size(member.size), b"%011o" % time
    return long + _block(name, ids, numbers, archive.TYPES[member.type], link)


def length(member: Member) -> int:
    """Count the bytes of tar that a member takes: header, content and padding."""
    return len(tar_header(member)) + member.size + archive.padding(member.size)


class Gnu:
    """How the data member of a Debian package encodes entries, which lie below the prefix.

    `by_content`: files have modification times derived from their contents.
    """

    def __init__(self, prefix: str, *, by_content: bool) -> None:
        self._root, self._by_content = f".{prefix}/", by_content
        self.key = f"gnu {by_content} {self._root}"
        self._short = LONGEST_NAME - len(self._root.encode())

    def member(self, entry: Entry) -> Member:
        """The member for an entry."""
        name = f"{self._root}{entry.path}{'/' if entry.type == DIR else ''}"
        rights = carried(*entry[2:5]), *entry[3:5]
        return Member(name, entry.type, *rights, entry.size, entry.link)

    def header(self, entry: Entry) -> bytes:
        """See archive.Spelling."""
        return tar_header(
            self.member(entry), mtime_of_content(entry) if self._by_content else archive.EPOCH
        )

    def length(self, entry: Entry) -> int:
        """See archive.Spelling."""
        path = entry.path
        # True of nearly every entry: neither its name nor a link needs more than one block.
        if len(path) <= self._short and path.isascii() and entry.type == FILE:
            return BLOCK + entry.size + -entry.size % BLOCK
        return length(self.member(entry))

    def preamble(self, manifest: bytes) -> bytes:
        """See archive.Spelling."""
        tops = map(directory, parents(self._root))
        return b"".join((*tops, *map(self.header, reserved(manifest))))


def parents(name: str) -> Iterator[str]:
    """The directories above a path that begins with `./`, that one first, without slashes."""
    for at, character in enumerate(name):
        if character == "/":
            yield name[:at]


def directory(name: str) -> bytes:
    """Encode a directory of the system, which other packages have too."""
    return tar_header(Member(f"{name}/", DIR, 0o755, "root", "root"))


def file(name: str, mode: int, content: bytes) -> bytes:
    """Encode a file that root owns, with its content."""
    return head(name, mode, len(content)) + content + bytes(archive.padding(len(content)))


def head(name: str, mode: int, size: int) -> bytes:
    """Encode the header of a file that root owns."""
    return tar_header(Member(name, FILE, mode, "root", "root", size))


def _long(flag: bytes, name: bytes) -> bytes:
    size = len(name) + 1
    ids = archive.spelt_ids(0o644, "root", "root")
    block = _block(_LONG, ids, (archive.spelt_size(size), _NO_TIME), flag, b"")
    return block + name + bytes(1 + archive.padding(size))


def _block(
    name: bytes,
    ids: tuple[bytes, bytes, bytes],
    numbers: tuple[bytes, bytes],
    flag: bytes,
    link: bytes,
) -> bytes:
    rights, owner, group = ids
    block = _BLOCK.pack(name, rights, *numbers, b" " * 8, flag, link, _MAGIC, owner, group)
    # Short enough that the sum stays below 65,521, though names need not be ASCII: see tar.
    return b"%b%06o\0 %b" % (block[:148], archive.checksum(block), block[156:])
