"""Reads a zip and compares its members with the manifest inside.

A zip is read from its first byte to its last. Its central directory, with which other readers
begin, is compared with the members that were found: nothing lies before, between or after them.
"""

from __future__ import annotations

import io
import os
import stat
import struct
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.contents import (
    NO_MANIFEST,
    PREAMBLE,
    STRANGE_MANIFEST,
    Checklist,
    Finding,
    content_difference,
    differences,
    digested,
)
from provisioning.artifact.filesystem import MIB, FileRange, HashedReader
from provisioning.artifact.model import canonical, manifest
from provisioning.artifact.model.entry import DIR, FILE, LINK, MANIFEST, TYPES, Entry, shown
from provisioning.artifact.process_pool import Team
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.archive import EPOCH, Member
from provisioning.artifact.tar.chunking import Summary
from provisioning.artifact.zip.records import (
    CENTRAL,
    LOCAL,
    LONGEST_END,
    STRANGE,
    ZipStream,
    central,
    clock,
    end,
    is_possible,
    is_strange,
    local,
    parse_central,
    parse_end,
    pass_over,
    read_central,
    read_content,
    read_local,
    size_of,
)
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO

    from provisioning.artifact.contents import Write
    from provisioning.artifact.formats import Prove
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.tar.chunking import Index
    from provisioning.artifact.zip.records import Clock, Compressed, Local

_BUFFER = 256 * 1024
_UNLIKE = "its header in the central directory does not match"
_CLOCK = clock(EPOCH)


class Times:
    """The modification time of each member: one for all, or each derived from its content."""

    def __init__(self, found: Clock) -> None:
        """`found` is the time of the manifest, which shows which of the two it is."""
        self._vary = found != _CLOCK

    def __call__(self, entry: Entry) -> Clock:
        """The time of an entry."""
        return (
            clock(archive.mtime_of_content(entry)) if self._vary and entry.type == FILE else _CLOCK
        )


class ZipReader:
    """One pass over a zip, from its first byte to its last.

    Raises ArtifactError, here and later, if it is damaged or not of this format.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._hashed = HashedReader(file)
        self._source = ZipStream(io.BufferedReader(self._hashed, _BUFFER))
        # Each member that was found: its entry, and what the central directory must say of it.
        self._found: list[tuple[Entry | None, bytes]] = []
        self._told: set[Finding] = set()
        self._mark = b""
        self.data, self.manifest, self.times = self._read_preamble()

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        """See Reader."""
        checklist = Checklist(self.manifest)
        while found := self._next():
            entry = yield from checklist.match(found.name)
            self._note(found, entry)
            if entry:
                for finding in self._compare(found, entry, write):
                    self._told.add(finding)
                    yield finding
            else:
                pass_over(self._source, found)
        yield from checklist.missing()
        yield from self._compare_directory()

    def prover(self, says: Index | None) -> Prove:
        """See Reader."""
        del says
        return partial(prove, self._file, self)

    def summary(self, name: str) -> Summary:
        """See Reader."""
        del name
        return Summary(self.data, self.manifest.package, self._hashed.hexdigest(), None)

    def _next(self) -> Local | None:
        """Read a local header; None if something else comes."""
        self._mark = self._source.read(len(LOCAL))
        return read_local(self._source) if self._mark == LOCAL else None

    def _read_preamble(self) -> tuple[bytes, Manifest, Times]:
        found: list[Local] = []
        data = b""
        for _ in PREAMBLE:
            each = self._next()
            if not each or each.size > canonical.LIMIT:
                break
            found.append(each)
            data = b"".join(read_content(self._source, each.name, each.packed, each.size))
        if [each.name.partition("/")[2] for each in found] != PREAMBLE:
            raise ArtifactError(NO_MANIFEST)
        parsed = manifest.parse(data, MANIFEST)
        name, (directory, listed) = parsed.package.name, archive.reserved(data)
        times = Times(found[-1].clock)
        entries = (Entry(f"{name}/", DIR, 0o755, "root", "root"), directory, listed)
        offset = 0
        for each, entry, member in zip(found, entries, archive.preamble(data, name)):
            clock = times(entry)
            possible = is_possible(entry.type, each.size, each.packed)
            if not possible or local(member, clock, each.packed) != each.spelling:
                raise ArtifactError(STRANGE_MANIFEST)
            spelling = central(member, clock, each.packed, offset)
            self._found.append((entry, spelling))
            offset += len(each.spelling) + each.packed.size
        return data, parsed, times

    def _note(self, found: Local, entry: Entry | None) -> None:
        offset = self._source.offset - len(found.spelling)
        if entry:
            member = archive.member(entry, self.manifest.package.name)._replace(name=found.name)
            time = self.times(entry)
        else:
            member, time = Member(found.name, FILE, 0, "", "", found.size), found.clock
        self._found.append((entry, central(member, time, found.packed, offset)))

    def _compare(self, found: Local, entry: Entry, write: Write | None) -> Iterator[Finding]:
        """Compare a member with its entry, all but what the central directory says."""
        kind = DIR if found.name.endswith("/") else LINK if entry.type == LINK else FILE
        clock = self.times(entry)
        if not is_possible(kind, found.size, found.packed) or is_strange(
            found, clock, entry.owner, entry.group
        ):
            raise ArtifactError(f"{shown(found.name)}: {STRANGE}")
        content = read_content(self._source, found.name, found.packed, found.size)
        wanted = entry.size if kind == FILE else len(entry.link.encode())
        if kind != entry.type:
            yield Finding(entry.path, f"type {kind}, the manifest says {entry.type}")
        elif found.size != wanted:
            yield Finding(entry.path, f"size {found.size}, the manifest says {wanted}")
        elif kind == LINK:
            link = b"".join(content).decode(errors="replace")
            yield from differences(entry._replace(link=link), entry)
            return
        elif kind == FILE:
            yield from content_difference(digested(entry, content, write), entry, entry)
            return
        pass_over(self._source, found)

    def _compare_directory(self) -> Iterator[Finding]:  # guard: listed-in-central-directory
        """Compare the central directory with the members, and the end with both."""
        start = self._source.offset - len(self._mark)
        if self._mark != CENTRAL:
            # guard: between-zip-members
            raise ArtifactError(f"is damaged at byte {start}: no zip header begins there")
        for entry, spelling in self._found:
            if self._mark != CENTRAL:
                name = parse_central(spelling).name
                raise ArtifactError(f"{shown(name)}: the central directory does not list it")
            says = read_central(self._source)
            if says != spelling:  # guard: zip-names-agree
                yield from self._differences(entry, spelling, says)
            self._mark = self._source.read(len(CENTRAL))
        size = self._source.offset - len(self._mark) - start
        spelling = end(len(self._found), size, start)
        if self._mark + self._source.rest(len(spelling)) != spelling:  # guard: after-end-of-zip
            raise ArtifactError("does not end where its central directory does")

    def _differences(self, entry: Entry | None, spelling: bytes, says: bytes) -> Iterator[Finding]:
        """How a central header differs from the local one, or from the manifest."""
        wanted, found = parse_central(spelling), parse_central(says)
        path = entry.path if entry else wanted.name
        if found.name != wanted.name:
            yield Finding(path, f"is called {shown(found.name)} in the central directory")
        elif found.offset != wanted.offset:
            message = f"lies at byte {wanted.offset}, the central directory says {found.offset}"
            yield Finding(path, message)
        elif entry:
            kind = TYPES.get(stat.S_IFMT(found.mode), "unknown")
            actual = entry._replace(type=kind, mode=stat.S_IMODE(found.mode))
            told = [*differences(actual, entry, mode=stat.S_IMODE(wanted.mode))]
            if not told and all(path != finding.path for finding in self._told):
                told = [Finding(path, _UNLIKE)]
            yield from (finding for finding in told if finding not in self._told)


_PROOF_BUFFER = 256 * 1024
_MOST_MEMBERS, _MOST_BYTES = 256, 4 * MIB  # in a run; the last one of it may be larger
_LONGEST_ENTRY = 400  # bytes of the directory, besides what the manifest says, too


def prove(
    file: FileIO,
    reading: ZipReader,
    write: Write | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Summary | None:
    """Verify a zip on all processors; return what it is, or None if it could not be proved.

    Its manifest was read by `reading`. See formats.Prove.
    """
    try:
        proof = _ZipProof(file, reading, write)
        with Team(proof.is_sound, len(proof.runs)) as team:
            read = HashedReader(FileRange(file, 0, proof.size + 1))
            while read.read(_PROOF_BUFFER):
                pass
            if meanwhile:
                meanwhile()
            if read.size != proof.size or not team.agrees():
                return None
    except (ArtifactError, OSError, struct.error):
        return None
    return Summary(reading.data, reading.manifest.package, read.hexdigest(), None)


class _MemberRun(NamedTuple):
    """Members that follow each other."""

    first: int  # which of all members
    at: int  # of the first one, in the directory
    offset: int  # and in the zip


class _ZipProof:
    """The runs of a zip, each of which can be verified alone.

    Raises ArtifactError if the directory is not what the end says, and struct.error.
    """

    def __init__(self, file: FileIO, reading: ZipReader, write: Write | None) -> None:
        self._file, self._write, self._times = file, write, reading.times
        self._name = reading.manifest.package.name
        top = Entry("", DIR, 0o755, "root", "root")
        self._entries = (top, *archive.reserved(reading.data), *reading.manifest.entries)
        self.size = os.fstat(file.fileno()).st_size
        limit = 2 * len(reading.data) + _LONGEST_ENTRY * len(self._entries)
        self._directory, start = self._read_directory(limit)
        self.runs = tuple(self._runs())
        self._ends = (*self.runs[1:], _MemberRun(len(self._entries), len(self._directory), start))

    def is_sound(self, number: int) -> bool:
        """Whether the members of a run are what the manifest says."""
        run, following = self.runs[number], self._ends[number]
        _, at, offset = run
        stream = io.BufferedReader(
            FileRange(self._file, offset, following.offset - offset), _PROOF_BUFFER
        )
        source = ZipStream(stream)
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

    def _comes(self, source: ZipStream, entry: Entry, member: Member, packed: Compressed) -> bool:
        size = size_of(member)
        if not is_possible(entry.type, size, packed):
            return False
        content = read_content(source, member.name, packed, size)
        if entry.type == FILE:
            return digested(entry, content, self._write) == entry.digest
        return b"".join(content) == (entry.link.encode() if entry.type == LINK else b"")

    def _read_directory(self, limit: int) -> tuple[bytes, int]:
        """Read the central directory; return it and its offset."""
        tail = self._part(max(0, self.size - LONGEST_END), self.size)
        size, start = parse_end(tail)
        spelling = end(len(self._entries), size, start)
        if start + size + len(spelling) != self.size or not tail.endswith(spelling) or size > limit:
            raise ArtifactError("does not end as it should")
        return self._part(start, start + size), start

    def _part(self, start: int, stop: int) -> bytes:
        return io.BufferedReader(FileRange(self._file, start, stop - start)).read()

    def _runs(self) -> Iterator[_MemberRun]:
        first = at = held = 0
        for number in range(len(self._entries)):
            found = parse_central(self._directory, at)
            if not number or number == first + _MOST_MEMBERS or held > _MOST_BYTES:
                first, held = number, 0
                yield _MemberRun(number, at, found.offset if number else 0)
            at += found.length
            held += found.packed.size
