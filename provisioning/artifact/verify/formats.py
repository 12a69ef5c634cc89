"""Knows where the chunks of an archive lie that no index tells of.

Its manifest says how many bytes each chunk holds, and most chunks say so too, where they begin or
end. So what is found is nearly always right; whether it is, only reading the chunks can show.
"""

from __future__ import annotations

import io
import os
from bisect import bisect_left
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, Protocol

from provisioning.artifact import filesystem
from provisioning.artifact.codec import READERS
from provisioning.artifact.filesystem import Span
from provisioning.artifact.model.entry import FILE, Entry
from provisioning.artifact.model.release import CODECS, DEB, DIR, FORMATS, ZIP, format_of
from provisioning.artifact.process_pool import Team
from provisioning.artifact.tar import archive, ustar
from provisioning.artifact.tar.chunking import Chunk, Index, Whole, tar_digest
from provisioning.artifact.verify import contents
from provisioning.artifact.verify.contents import digested
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from io import FileIO

    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.tar.ustar import Stream
    from provisioning.artifact.verify.contents import Finding, Reading, Write


_BLOCK = 256 * 1024


def locate(file: FileIO, reading: Reading) -> tuple[Chunk, ...]:
    """The chunks of an archive whose manifest `reading` has read; digests are left out.

    Raises OSError, and ArtifactError where they are not found.
    """
    parsed = reading.manifest
    # One after the other: a manifest may claim more chunks than any memory holds.
    lengths = archive.chunks(reading.data, parsed.entries, parsed.package.name, reading.codec)
    return tuple(_chunks(file, reading.codec, lengths))


def _chunks(file: FileIO, codec: str, lengths: Iterator[int]) -> Iterator[Chunk]:
    start = tar_offset = 0
    length = next(lengths)
    for following in lengths:
        end, begin = READERS[codec].joint(length, following)
        stop = _find(file, end + begin, start + 1) + len(end)
        yield Chunk(start, stop - start, tar_offset, length, "", "")
        start, tar_offset, length = stop, tar_offset + length, following
    yield Chunk(start, os.fstat(file.fileno()).st_size - start, tar_offset, length, "", "")


def _find(file: FileIO, wanted: bytes, start: int) -> int:
    while len(block := os.pread(file.fileno(), _BLOCK, start)) >= len(wanted):
        found = block.find(wanted)
        if found >= 0:
            return start + found
        start += len(block) - len(wanted) + 1
    raise ArtifactError("has chunks elsewhere than its manifest has them")


_BUFFER = 256 * 1024
_AT_ONCE = 64 * 1024  # bytes of a file that is read with its header and padding


def prove(
    file: FileIO,
    reading: Reading,
    index: Index | None,
    write: Write | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Whole | None:
    """Read an archive to its end; return what it is, or None if it is not proved.

    `index` is what some file says of it, which is proved too; its manifest was read by `reading`.
    `write` is handed the files, as by `Reading.findings`, but in other processes, and the manifest
    too. This one is not idle: `meanwhile` is called.
    """
    try:
        proof = _Proof(file, reading, index, write)
        with Team(proof.is_sound, len(proof.runs)) as team:
            read = filesystem.HashedReader(Span(file, 0, proof.size + 1))
            while read.read(_BUFFER):
                pass
            if meanwhile:
                meanwhile()
            if read.size != proof.size or not team.agrees():
                return None
    except (ArtifactError, OSError):
        return None
    found = read.hexdigest()
    return Whole(
        reading.data, reading.manifest.package, found, index and _proved(index, found, reading)
    )


def _proved(index: Index, found: str, reading: Reading) -> Index:
    """What an index says whose chunks are those of an archive with the digest `found`."""
    return index._replace(
        digest=found,
        tar_digest=tar_digest(index.chunks),
        manifest_digest=filesystem.of_bytes(reading.data),
    )


class _Run(NamedTuple):
    """Chunks that hold whole members: one, or those that a large file was cut into."""

    chunks: tuple[Chunk, ...]
    entries: tuple[Entry, ...]
    before: bytes  # what else the chunks hold: the top directory, the end
    after: bytes


class _Proof:
    """The runs of an archive, each of which can be judged alone.

    Raises ArtifactError where the chunks end elsewhere than the manifest's members.
    """

    def __init__(
        self, file: FileIO, reading: Reading, index: Index | None, write: Write | None
    ) -> None:
        entries = (*archive.reserved(reading.data), *reading.manifest.entries)
        self._file, self._write = file, write
        self._reader = READERS[index.codec if index else reading.codec]
        self._is_indexed = index is not None
        self._spelling = reading.spelling
        chunks = index.chunks if index else locate(file, reading)
        self.size = index.size if index else chunks[-1].offset + chunks[-1].length
        self.runs = tuple(_runs(chunks, entries, reading.manifest.package.name))

    def is_sound(self, number: int) -> bool:
        """Hold the members of a run against their entries."""
        run = self.runs[number]
        first, chunks = run.chunks[0], list[Chunk]()
        tar_length = sum(chunk.tar_length for chunk in run.chunks)
        span = Span(self._file, first.offset, sum(chunk.length for chunk in run.chunks))
        unpacked = self._reader(span, tar_length, chunks.append if self._is_indexed else None)
        stream = io.BufferedReader(unpacked, _BUFFER)
        return (
            stream.read(len(run.before)) == run.before
            and all(self._comes(stream, entry) for entry in run.entries)
            and stream.read(len(run.after) + 1) == run.after
            and (not self._is_indexed or _moved(chunks, first) == run.chunks)
        )

    def _comes(self, stream: Stream, entry: Entry) -> bool:
        """Whether an entry comes next in the tar, and holds what its digest says."""
        header = self._spelling.header(entry)
        if 0 < entry.size <= _AT_ONCE:
            return self._comes_at_once(stream, entry, header)
        if stream.read(len(header)) != header:
            return False
        if entry.type != FILE:
            return True
        content = ustar.read_content(stream, entry.path, entry.size)
        return digested(entry, content, self._write) == entry.digest

    def _comes_at_once(self, stream: Stream, entry: Entry, header: bytes) -> bool:
        """The same for a small file, as nearly all are: with fewer calls for each."""
        begin, padding = len(header), ustar.padding(entry.size)
        end = begin + entry.size
        data = stream.read(end + padding)
        if not (data.startswith(header) and data[end:] == bytes(padding)):
            return False
        content = data[begin:end]
        if self._write:
            self._write(entry, (content,))
        return filesystem.of_bytes(content) == entry.digest


def _runs(chunks: Sequence[Chunk], entries: Sequence[Entry], name: str) -> Iterator[_Run]:
    before, after = ustar.header(archive.preamble(b"", name)[0]), b""
    lengths = map(archive.Posix(name).length, entries)
    starts = list(accumulate(lengths, initial=len(before)))  # of the entries, and of ustar.END
    first, held = 0, list[Chunk]()
    for chunk in chunks:
        if after:
            raise ArtifactError("its chunks go on after its end")
        held.append(chunk)
        end = chunk.tar_offset + chunk.tar_length
        stop = bisect_left(starts, end)
        if end == starts[-1] + len(ustar.END):
            stop, after = len(entries), ustar.END
        elif stop == len(starts) or starts[stop] != end:
            continue
        yield _Run(tuple(held), tuple(entries[first:stop]), before, after)
        first, held, before = stop, [], b""
    if held or not after:
        raise ArtifactError("its chunks do not end where members do")


def _moved(chunks: Sequence[Chunk], first: Chunk) -> tuple[Chunk, ...]:
    """Chunks that were found in a part of the archive, where they lie in the whole."""
    return tuple(
        chunk._replace(
            offset=chunk.offset + first.offset, tar_offset=chunk.tar_offset + first.tar_offset
        )
        for chunk in chunks
    )


class Reader(Protocol):
    """One pass over an artifact, from its first byte to its last.

    Raises ArtifactError, here and later, where it is damaged or not of its format.
    """

    @property
    def data(self) -> bytes:
        """The bytes of its manifest."""

    @property
    def manifest(self) -> Manifest:
        """What is meant to be in it."""

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        """Hold all that is in it against the manifest.

        `write` is handed each file that is listed, with its content; what it has written by the
        time that it is called again is right, or a finding came first.
        """

    def whole(self, name: str) -> Whole:
        """Tell what it is, once all findings have been asked for; it is called `name`."""


class Prove(Protocol):
    """What proves on several processors that an artifact is sound."""

    def __call__(
        self, write: Write | None = None, meanwhile: Callable[[], object] | None = None
    ) -> Whole | None:
        """Return what it is; None where it is not proved.

        `write` is handed the files as by `Reader.findings`, but in other processes, and the
        manifest too. While those are at work, `meanwhile` is called.
        """


def reader(file: FileIO, name: str, most_chunks: int = 0) -> Reader:
    """Read an artifact that is called `name`: see `contents.Reading`. Raises ArtifactError."""
    format = format_of(name)
    if format in CODECS:
        return contents.Reading(file, CODECS[format], most_chunks)
    if format == ZIP:
        from provisioning.artifact.zip import reader as zips  # noqa: PLC0415

        return zips.Reading(file)
    if format == DEB:
        from provisioning.artifact.deb import reader as debs  # noqa: PLC0415

        return debs.Reading(file)
    known = ", ".join(f".{each}" for each in FORMATS if each != DIR)
    raise ArtifactError(f"is no artifact, as its name tells, which ends in none of {known}")


def prover(file: FileIO, name: str, reading: Reader, says: Index | None) -> Prove | None:
    """What proves on several processors that the artifact `name` is sound; None if nothing can.

    `says` is its index, if it has one; its manifest was read by `reading`.
    """
    if isinstance(reading, contents.Reading):
        return partial(prove, file, reading, says and says._replace(archive=name))
    if format_of(name) == ZIP:
        from provisioning.artifact.zip import reader as zips  # noqa: PLC0415
        from provisioning.artifact.zip.reader import Reading  # noqa: PLC0415

        return partial(zips.prove, file, reading) if isinstance(reading, Reading) else None
    return None
