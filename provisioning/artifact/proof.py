"""Knows how to prove in little time, on several processors, that an archive is sound.

A package has one spelling. So its manifest says what the tar is, byte for byte, but for contents,
whose digests it holds: nothing has to be parsed, only compared. And once it is known where chunks
lie, from an index or from looking for them, each can be judged alone. What is not proved here may
be sound all the same: `contents`, which reads one byte after the other, then tells what is wrong,
or that nothing is.
"""

from __future__ import annotations

import io
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import archive, digest, tar
from provisioning.artifact.codec import READERS
from provisioning.artifact.contents import digested
from provisioning.artifact.entry import FILE, Entry
from provisioning.artifact.files import Span
from provisioning.artifact.index import Chunk, Index, tar_digest
from provisioning.artifact.locate import locate
from provisioning.artifact.team import Team
from provisioning.artifact.whole import Whole
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from io import FileIO

    from provisioning.artifact.contents import Reading, Write
    from provisioning.artifact.tar import Stream

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
            read = digest.HashedReader(Span(file, 0, proof.size + 1))
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
        manifest_digest=digest.of_bytes(reading.data),
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
        content = tar.read_content(stream, entry.path, entry.size)
        return digested(entry, content, self._write) == entry.digest

    def _comes_at_once(self, stream: Stream, entry: Entry, header: bytes) -> bool:
        """The same for a small file, as nearly all are: with fewer calls for each."""
        begin, padding = len(header), tar.padding(entry.size)
        end = begin + entry.size
        data = stream.read(end + padding)
        if not (data.startswith(header) and data[end:] == bytes(padding)):
            return False
        content = data[begin:end]
        if self._write:
            self._write(entry, (content,))
        return digest.of_bytes(content) == entry.digest


def _runs(chunks: Sequence[Chunk], entries: Sequence[Entry], name: str) -> Iterator[_Run]:
    before, after = tar.header(archive.preamble(b"", name)[0]), b""
    lengths = map(archive.Posix(name).length, entries)
    starts = list(accumulate(lengths, initial=len(before)))  # of the entries, and of tar.END
    first, held = 0, list[Chunk]()
    for chunk in chunks:
        if after:
            raise ArtifactError("its chunks go on after its end")
        held.append(chunk)
        end = chunk.tar_offset + chunk.tar_length
        stop = bisect_left(starts, end)
        if end == starts[-1] + len(tar.END):
            stop, after = len(entries), tar.END
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
