"""Knows the ar that a Debian package is: which members, in which order, each header in one way.

The format is deb(5)'s. dpkg writes names without the slash that other tools put behind them.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from provisioning.artifact.tar import EPOCH
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAGIC = b"!<arch>\n"
VERSION, CONTROL = "debian-binary", "control.tar.gz"
DATA = {"gzip": "data.tar.gz", "xz": "data.tar.xz", "zstd": "data.tar.zst"}
FORMAT = b"2.0\n"  # what VERSION holds
LARGEST = 9_999_999_999  # bytes of a member: ten digits

HEADER, SIZE = 60, slice(48, 58)
"""How many bytes precede a member, and in which of them its size is told."""

_DIGITS = re.compile(rb"(?:0|[1-9][0-9]*) *")


def header(name: str, size: int) -> bytes:
    """Spell what precedes a member."""
    return b"%-16b%-12d0     0     100644  %-10d`\n" % (name.encode(), EPOCH, size)


def padding(size: int) -> bytes:
    """What follows a member of `size` bytes."""
    return b"\n" * (size % 2)


def beginning(control: bytes) -> bytes:
    """Spell all that precedes the header of the data member."""
    version = header(VERSION, len(FORMAT)) + FORMAT
    return b"".join((MAGIC, version, header(CONTROL, len(control)), control, padding(len(control))))


class Archive:
    """The members of an ar, as they are asked for.

    Raises ArtifactError for whatever `header` would have spelt differently.
    """

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._member: Member | None = None
        if self._read(len(MAGIC)) != MAGIC:
            raise ArtifactError("is no Debian package: it does not begin like one")
        if self.member({VERSION: VERSION})[1].readall() != FORMAT:
            raise ArtifactError(f"{VERSION}: is not {FORMAT.decode().strip()}")

    def member(self, names: Mapping[str, str]) -> tuple[str, Member]:
        """The next member, which must have one of `names` and be read to its end: its key."""
        self._finish()
        found = self._read(HEADER)
        size = int(found[SIZE]) if _DIGITS.fullmatch(found[SIZE]) else -1
        for key, name in names.items():
            if found == header(name, size):
                self._member = Member(self._stream, size)
                return key, self._member
        raise ArtifactError(f"where {' or '.join(names.values())} should be, is none")

    def end(self) -> None:
        """Demand that nothing follows."""
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


class Member(io.RawIOBase):
    """The bytes of a member, which come from a stream that others read on from."""

    def __init__(self, stream: io.RawIOBase, size: int) -> None:
        self._stream = stream
        self.size = self.left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io has no other
        count = self._stream.readinto(memoryview(buffer)[: self.left]) or 0
        self.left -= count
        return count
