"""Knows the members of a tar as GNU tar spells them, each in exactly one way.

dpkg reads no PAX headers (deb(5)). Names are bytes here: only what is too long for its field comes
in a member of its own, `././@LongLink`, before that which it names.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from provisioning.artifact import tar
from provisioning.artifact.archive import reserved
from provisioning.artifact.entry import DIR, FILE
from provisioning.artifact.lent import carried
from provisioning.artifact.mtime import of_content
from provisioning.artifact.tar import BLOCK, LONGEST_NAME, Member

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.entry import Entry

# name, mode uid gid, size, mtime, checksum, type, link, magic, owner, group; nothing more is used
_BLOCK = struct.Struct("100s 24s 12s 12s 8s c 100s 8s 32s 32s 183x")
_MAGIC = b"ustar  \x00"
_LONG = b"././@LongLink"
_LONG_NAME, _LONG_LINK = b"L", b"K"
_NO_TIME = b"00000000000"


def header(member: Member, time: int = tar.EPOCH) -> bytes:
    """Spell a member's header: 512 bytes, after what is too long for them. Times are in seconds."""
    name, link, long = member.name.encode(), member.link.encode(), b""
    if len(link) > LONGEST_NAME:
        long += _long(_LONG_LINK, link)
    if len(name) > LONGEST_NAME:
        long += _long(_LONG_NAME, name)
    ids = tar.spelt_ids(*member[2:5])
    numbers = tar.spelt_size(member.size), b"%011o" % time
    return long + _block(name, ids, numbers, tar.TYPES[member.type], link)


def length(member: Member) -> int:
    """Count the bytes of tar that a member takes: header, content and padding."""
    return len(header(member)) + member.size + tar.padding(member.size)


class Gnu:
    """The way in which the data of a Debian package spells what is in the directory PREFIX.

    `by_content`: a file bears the time that its content has, not that of all.
    """

    def __init__(self, prefix: str, *, by_content: bool) -> None:
        self._root, self._by_content = f".{prefix}/", by_content
        self.key = f"gnu {by_content} {self._root}"
        self._short = LONGEST_NAME - len(self._root.encode())

    def member(self, entry: Entry) -> Member:
        """The member that stands for an entry."""
        name = f"{self._root}{entry.path}{'/' if entry.type == DIR else ''}"
        rights = carried(*entry[2:5]), *entry[3:5]
        return Member(name, entry.type, *rights, entry.size, entry.link)

    def header(self, entry: Entry) -> bytes:
        """See archive.Spelling."""
        return header(self.member(entry), of_content(entry) if self._by_content else tar.EPOCH)

    def length(self, entry: Entry) -> int:
        """See archive.Spelling."""
        path = entry.path
        # Nearly every entry there is: a name and no link that need more than one block.
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
    """Spell a directory of the system's, which other packages have too."""
    return header(Member(f"{name}/", DIR, 0o755, "root", "root"))


def file(name: str, mode: int, content: bytes) -> bytes:
    """Spell a file of root's, with its content."""
    return head(name, mode, len(content)) + content + bytes(tar.padding(len(content)))


def head(name: str, mode: int, size: int) -> bytes:
    """Spell what precedes the content of a file of root's."""
    return header(Member(name, FILE, mode, "root", "root", size))


def _long(flag: bytes, name: bytes) -> bytes:
    size = len(name) + 1
    ids = tar.spelt_ids(0o644, "root", "root")
    block = _block(_LONG, ids, (tar.spelt_size(size), _NO_TIME), flag, b"")
    return block + name + bytes(1 + tar.padding(size))


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
    return b"%b%06o\0 %b" % (block[:148], tar.checksum(block), block[156:])
