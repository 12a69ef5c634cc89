"""Reads an archive of chunks: in one pass, or its chunks on all processors at once."""

from __future__ import annotations

import io
import os
from bisect import bisect_left
from functools import partial
from itertools import accumulate, islice
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.codec import READERS
from provisioning.artifact.contents import (
    NO_MANIFEST,
    PREAMBLE,
    STRANGE_MANIFEST,
    Checklist,
    content_difference,
    differences,
    digested,
)
from provisioning.artifact.filesystem import MIB, FileRange, HashedReader, of_bytes
from provisioning.artifact.model import canonical, manifest
from provisioning.artifact.model.entry import FILE, MANIFEST, Entry, shown
from provisioning.artifact.process_pool import Team
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.archive import BLOCK, EPOCH, STRANGE, read_members
from provisioning.artifact.tar.chunking import Chunk, Index, Summary, tar_digest
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from io import FileIO

    from provisioning.artifact.contents import Finding, Write
    from provisioning.artifact.formats import Prove
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.tar.archive import Member, Readable

    Members = Iterator[tuple[Member, Iterator[bytes]]]

_BUFFER = 256 * 1024
_PREAMBLE_LIMIT = canonical.LIMIT + 16 * BLOCK  # bytes of tar before a manifest is known
_AT_ONCE = 64 * 1024  # bytes of a file that is read with its header and padding
_SEARCHED = 256 * 1024  # bytes of an archive in which the end of a chunk is searched at a time


class TarReader:
    """One pass over an archive, from its first byte to its last.

    Raises ArtifactError, here and later, if the archive is damaged or not of this format. At most
    `most_chunks` chunks and one more are remembered: enough to see that there are too many.
    """

    def __init__(self, file: FileIO, codec: str = "gzip", most_chunks: int = 0) -> None:
        self._file = file
        self._chunks: list[Chunk] = []
        self._most_chunks = most_chunks
        self._packed = HashedReader(file)
        self.codec = codec
        self._unpacked = READERS[codec](self._packed, _PREAMBLE_LIMIT, self._keep)
        self._members = read_members(io.BufferedReader(self._unpacked, _BUFFER))
        self.data, self.manifest, self.spelling = _read_preamble(self._members)
        self._unpacked.limit = _tar_limit(self.data, self.manifest)  # guard: limit-of-the-tar

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        """See Reader."""
        checklist = Checklist(self.manifest)
        for member, content in self._members:
            entry = yield from checklist.match(member.name)
            if entry is None:
                continue
            wanted = self.spelling.member(entry)
            if member != wanted:
                yield from differences(member, entry, mode=wanted.mode)
            if member.mtime != wanted.mtime:  # guard: time-of-a-member
                raise ArtifactError(f"{shown(member.name)}: {STRANGE}")
            if member.type == FILE:
                yield from content_difference(digested(entry, content, write), member, entry)
        yield from checklist.missing()

    def summary(self, name: str) -> Summary:
        """See Reader."""
        index = Index(
            name,
            self._packed.size,
            self._packed.hexdigest(),
            self._unpacked.tar_size,
            tar_digest(self._chunks),
            of_bytes(self.data),
            self.codec,
            tuple(self._chunks),
        )
        return Summary(self.data, self.manifest.package, index.digest, index)

    def prover(self, says: Index | None) -> Prove:
        """See Reader."""
        return partial(prove, self._file, self, says)

    def _keep(self, chunk: Chunk) -> None:
        if len(self._chunks) <= self._most_chunks:
            self._chunks.append(chunk)


def _read_preamble(members: Members) -> tuple[bytes, Manifest, archive.Posix]:
    """Read the manifest; its own modification time says whether those of files vary."""
    found, data = [], b""
    for member, content in islice(members, len(PREAMBLE)):
        if member.size > canonical.LIMIT:  # guard: manifest-too-large
            break
        found.append(member)
        data = b"".join(content)
    if [member.name.partition("/")[2] for member in found] != PREAMBLE:
        raise ArtifactError(NO_MANIFEST)
    parsed = manifest.parse(data, MANIFEST)
    name, by_content = parsed.package.name, found[-1].mtime != EPOCH
    if tuple(found) != archive.preamble(data, name, by_content=by_content):  # guard: manifest-first
        raise ArtifactError(STRANGE_MANIFEST)
    return data, parsed, archive.Posix(name, by_content=by_content)


def _tar_limit(data: bytes, parsed: Manifest) -> int:
    # The headers of an entry say no more than its line in the manifest does, in at most three
    # blocks that are not full. The MiB is room for what is not listed: better named than cut off.
    headers = 2 * len(data) + 4 * BLOCK * len(parsed.entries)
    return headers + len(data) + sum(entry.size for entry in parsed.entries) + MIB


def prove(
    file: FileIO,
    reading: TarReader,
    index: Index | None,
    write: Write | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Summary | None:
    """Verify an archive on all processors; return what it is, or None if it could not be proved.

    Its manifest was read by `reading`; `index` is verified too. See formats.Prove.
    """
    try:
        proof = _ChunkProof(file, reading, index, write)
        with Team(proof.is_sound, len(proof.runs)) as team:
            read = filesystem.HashedReader(FileRange(file, 0, proof.size + 1))
            while read.read(_BUFFER):
                pass
            if meanwhile:
                meanwhile()
            if read.size != proof.size or not team.agrees():
                return None
    except (ArtifactError, OSError):
        return None
    found = read.hexdigest()
    return Summary(
        reading.data, reading.manifest.package, found, index and _proved(index, found, reading)
    )


def _proved(index: Index, found: str, reading: TarReader) -> Index:
    """The index of an archive with the digest `found`, whose chunks have been compared."""
    return index._replace(
        digest=found,
        tar_digest=tar_digest(index.chunks),
        manifest_digest=filesystem.of_bytes(reading.data),
    )


class _ProofRun(NamedTuple):
    """Consecutive chunks of whole members: one, or those of a large file."""

    chunks: tuple[Chunk, ...]
    entries: tuple[Entry, ...]
    before: bytes  # what else the chunks hold: the top directory, the end
    after: bytes


class _ChunkProof:
    """The runs of an archive, each of which can be verified alone.

    Raises ArtifactError if chunks do not end where members do.
    """

    def __init__(
        self, file: FileIO, reading: TarReader, index: Index | None, write: Write | None
    ) -> None:
        entries = (*archive.reserved(reading.data), *reading.manifest.entries)
        self._file, self._write = file, write
        self._reader = READERS[index.codec if index else reading.codec]
        self._is_indexed = index is not None
        self._spelling = reading.spelling
        chunks = index.chunks if index else find_chunks(file, reading)
        self.size = index.size if index else chunks[-1].offset + chunks[-1].length
        self.runs = tuple(_runs(chunks, entries, reading.manifest.package.name))

    def is_sound(self, number: int) -> bool:
        """Whether the members of a run are what the manifest says."""
        run = self.runs[number]
        first, chunks = run.chunks[0], list[Chunk]()
        tar_length = sum(chunk.tar_length for chunk in run.chunks)
        span = FileRange(self._file, first.offset, sum(chunk.length for chunk in run.chunks))
        unpacked = self._reader(span, tar_length, chunks.append if self._is_indexed else None)
        stream = io.BufferedReader(unpacked, _BUFFER)
        return (
            stream.read(len(run.before)) == run.before
            and all(self._comes(stream, entry) for entry in run.entries)
            and stream.read(len(run.after) + 1) == run.after
            and (not self._is_indexed or _moved(chunks, first) == run.chunks)
        )

    def _comes(self, stream: Readable, entry: Entry) -> bool:
        """Whether an entry comes next in the tar, with the right content."""
        header = self._spelling.header(entry)
        if 0 < entry.size <= _AT_ONCE:
            return self._comes_at_once(stream, entry, header)
        if stream.read(len(header)) != header:
            return False
        if entry.type != FILE:
            return True
        content = archive.read_content(stream, entry.path, entry.size)
        return digested(entry, content, self._write) == entry.digest

    def _comes_at_once(self, stream: Readable, entry: Entry, header: bytes) -> bool:
        """The same for a small file, as nearly all are: with fewer calls for each."""
        begin, padding = len(header), archive.padding(entry.size)
        end = begin + entry.size
        data = stream.read(end + padding)
        if not (data.startswith(header) and data[end:] == bytes(padding)):  # guard: zero-padding
            return False
        content = data[begin:end]
        if self._write:
            self._write(entry, (content,))
        return filesystem.of_bytes(content) == entry.digest


def _runs(chunks: Sequence[Chunk], entries: Sequence[Entry], name: str) -> Iterator[_ProofRun]:
    before, after = archive.header(archive.preamble(b"", name)[0]), b""
    lengths = map(archive.Posix(name).length, entries)
    starts = list(accumulate(lengths, initial=len(before)))  # of the entries, and of ustar.END
    first, held = 0, list[Chunk]()
    for chunk in chunks:
        if after:
            raise ArtifactError("its chunks go on after its end")  # guard: too-many-chunks
        held.append(chunk)
        end = chunk.tar_offset + chunk.tar_length
        stop = bisect_left(starts, end)
        if end == starts[-1] + len(archive.END):
            stop, after = len(entries), archive.END
        elif stop == len(starts) or starts[stop] != end:
            continue
        yield _ProofRun(tuple(held), tuple(entries[first:stop]), before, after)
        first, held, before = stop, [], b""
    if held or not after:
        raise ArtifactError("its chunks do not end where members do")


def _moved(chunks: Sequence[Chunk], first: Chunk) -> tuple[Chunk, ...]:
    """Chunks found in a part of the archive, with their offsets in the whole."""
    return tuple(
        chunk._replace(
            offset=chunk.offset + first.offset, tar_offset=chunk.tar_offset + first.tar_offset
        )
        for chunk in chunks
    )


def find_chunks(file: FileIO, reading: TarReader) -> tuple[Chunk, ...]:
    """Find the chunks of an archive without an index; digests are left out.

    The manifest says how many bytes each holds, and most chunks repeat it where they begin or end.
    Raises OSError, and ArtifactError if they are not found.
    """
    parsed = reading.manifest
    # One after the other: a manifest may claim more chunks than any memory holds.
    lengths = archive.chunks(reading.data, parsed.entries, parsed.package.name, reading.codec)
    return tuple(_chunks(file, reading.codec, lengths))


def _chunks(file: FileIO, codec: str, lengths: Iterator[int]) -> Iterator[Chunk]:
    start = tar_offset = 0
    length = next(lengths)
    for following in lengths:  # guard: chunk-lengths-one-by-one
        end, begin = READERS[codec].boundary(length, following)
        stop = _find(file, end + begin, start + 1) + len(end)
        yield Chunk(start, stop - start, tar_offset, length, "", "")
        start, tar_offset, length = stop, tar_offset + length, following
    yield Chunk(start, os.fstat(file.fileno()).st_size - start, tar_offset, length, "", "")


def _find(file: FileIO, wanted: bytes, start: int) -> int:
    while len(block := os.pread(file.fileno(), _SEARCHED, start)) >= len(wanted):
        found = block.find(wanted)
        if found >= 0:
            return start + found
        start += len(block) - len(wanted) + 1
    raise ArtifactError("its chunks are not where its manifest says")
