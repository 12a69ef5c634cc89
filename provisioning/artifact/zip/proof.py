"""Knows how to prove in little time, on several processors, that a zip is sound.

A package has one spelling. So its manifest says what each header is, but for what became of the
content, which the central directory tells: nothing has to be parsed, only compared, and each member
can be judged alone. What is not proved here may be sound all the same: see `reader`.
"""

from __future__ import annotations

import io
import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import archive
from provisioning.artifact.contents import digested
from provisioning.artifact.digest import MIB, HashedReader
from provisioning.artifact.entry import DIR, FILE, LINK, Entry
from provisioning.artifact.files import Span
from provisioning.artifact.team import Team
from provisioning.artifact.whole import Whole
from provisioning.artifact.zip.members import (
    Source,
    parse_central,
    parse_end,
    read_content,
)
from provisioning.artifact.zip.spelling import (
    LONGEST_END,
    central,
    end,
    is_possible,
    local,
    size_of,
)
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO

    from provisioning.artifact.contents import Write
    from provisioning.artifact.tar import Member
    from provisioning.artifact.zip.reader import Reading
    from provisioning.artifact.zip.spelling import Packed

_BUFFER = 256 * 1024
_MOST_MEMBERS, _MOST_BYTES = 256, 4 * MIB  # in a run; the last one of it may be larger
_LONGEST_ENTRY = 400  # bytes of the directory, but for what the manifest says too


def prove(
    file: FileIO,
    reading: Reading,
    write: Write | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Whole | None:
    """Read a zip to its end; return what it is, or None if it is not proved.

    Its manifest was read by `reading`. `write` is handed the files, as by `Reading.findings`, but
    in other processes, and the manifest too. This one is not idle: `meanwhile` is called.
    """
    try:
        proof = _Proof(file, reading, write)
        with Team(proof.is_sound, len(proof.runs)) as team:
            whole = HashedReader(Span(file, 0, proof.size + 1))
            while whole.read(_BUFFER):
                pass
            if meanwhile:
                meanwhile()
            if whole.size != proof.size or not team.agrees():
                return None
    except (ArtifactError, OSError, struct.error):
        return None
    return Whole(reading.data, reading.manifest.package, whole.hexdigest(), None)


class _Run(NamedTuple):
    """Members that follow each other."""

    first: int  # which of all members
    at: int  # of the first one, in the directory
    offset: int  # and in the zip


class _Proof:
    """The runs of a zip, each of which can be judged alone.

    Raises ArtifactError where the directory is not what the end says, and struct.error.
    """

    def __init__(self, file: FileIO, reading: Reading, write: Write | None) -> None:
        self._file, self._write, self._times = file, write, reading.times
        self._name = reading.manifest.package.name
        top = Entry("", DIR, 0o755, "root", "root")
        self._entries = (top, *archive.reserved(reading.data), *reading.manifest.entries)
        self.size = os.fstat(file.fileno()).st_size
        limit = 2 * len(reading.data) + _LONGEST_ENTRY * len(self._entries)
        self._directory, start = self._read_directory(limit)
        self.runs = tuple(self._runs())
        self._ends = (*self.runs[1:], _Run(len(self._entries), len(self._directory), start))

    def is_sound(self, number: int) -> bool:
        """Hold the members of a run against their entries."""
        run, following = self.runs[number], self._ends[number]
        _, at, offset = run
        stream = io.BufferedReader(Span(self._file, offset, following.offset - offset), _BUFFER)
        source = Source(stream)
        for entry in self._entries[run.first : following.first]:
            member = archive.member(entry, self._name) if entry.path else archive.top(self._name)
            clock, packed = self._times(entry), parse_central(self._directory, at).packed
            spelling = central(member, clock, packed, offset + source.offset)
            head = local(member, clock, packed)
            if not (
                self._directory[at : at + len(spelling)] == spelling
                and source.read(len(head)) == head
                and self._comes(source, entry, member, packed)
            ):
                return False
            at += len(spelling)
        return (at, offset + source.offset) == following[1:]

    def _comes(self, source: Source, entry: Entry, member: Member, packed: Packed) -> bool:
        size = size_of(member)
        if not is_possible(entry.type, size, packed):
            return False
        content = read_content(source, member.name, packed, size)
        if entry.type == FILE:
            return digested(entry, content, self._write) == entry.digest
        return b"".join(content) == (entry.link.encode() if entry.type == LINK else b"")

    def _read_directory(self, limit: int) -> tuple[bytes, int]:
        """Read the central directory, and tell where it begins."""
        tail = self._part(max(0, self.size - LONGEST_END), self.size)
        size, start = parse_end(tail)
        spelling = end(len(self._entries), size, start)
        if start + size + len(spelling) != self.size or not tail.endswith(spelling) or size > limit:
            raise ArtifactError("does not end as it should")
        return self._part(start, start + size), start

    def _part(self, start: int, stop: int) -> bytes:
        return io.BufferedReader(Span(self._file, start, stop - start)).read()

    def _runs(self) -> Iterator[_Run]:
        first = at = held = 0
        for number in range(len(self._entries)):
            found = parse_central(self._directory, at)
            if not number or number == first + _MOST_MEMBERS or held > _MOST_BYTES:
                first, held = number, 0
                yield _Run(number, at, found.offset if number else 0)
            at += found.length
            held += found.packed.size
