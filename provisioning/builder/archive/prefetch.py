"""Reads many sources on all processors, once: digests them, and makes their chunks ahead.

Their sizes tell which members will share a chunk before anything is read. So the process that reads
a group for its digests makes its chunk too, and the archive stage finds it in the store.
"""

from __future__ import annotations

import fcntl
import hashlib
import marshal
import os
import stat
import struct
import tempfile
import time
from contextlib import suppress
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from zlib import crc32

from provisioning.artifact.formats import CODECS
from provisioning.artifact.model.entry import FILE, Entry
from provisioning.artifact.process_pool import Team
from provisioning.artifact.tar import archive, chunking
from provisioning.builder.archive import groups, members
from provisioning.builder.archive.compress import compress_chunk, is_worker
from provisioning.builder.archive.encoders import codec_of, encoder_of
from provisioning.builder.archive.format import writer
from provisioning.builder.archive.groups import Cut, Group
from provisioning.builder.archive.store import Store
from provisioning.builder.collect.collect import Listing, collect_one, spell
from provisioning.builder.collect.expand import Item
from provisioning.builder.collect.file_state import (
    file_of,
    from_bytes,
    made_for,
    read_digest,
    read_whole,
    size_in,
)
from provisioning.builder.workspace import progress
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from provisioning.builder.archive.members import ChunkRun
    from provisioning.builder.collect.collect import Collected
    from provisioning.builder.collect.file_state import Digests, FileState, Signature
    from provisioning.builder.collect.layout import Layout
    from provisioning.builder.workspace.paths import Workspace
    from provisioning.spec.model.variant import Variant

_HEAD = struct.Struct("<3QL")
"""Of a report: the number of the share, the lengths of what was found and of its cuts, and the
CRC-32 of both."""


class Prefetched(NamedTuple):
    """What was collected, and the keys of the chunks that were made of it."""

    listing: Listing | None
    """None if a source is at fault, or a process was killed."""
    keys: frozenset[str]


def shares(layout: Layout, bytes_of: Callable[[str], bytes]) -> list[bytes]:
    """Divide the items of `layout` into shares, as chunks will be, each share as marshal data.

    With each item goes the signature of its source, from `bytes_of`. 100,000 of both take 100 MB,
    which each process that looks at them copies: so objects are made share by share, where they are
    worked on. Raises as `bytes_of` does.
    """
    spelling = archive.Posix(layout.variant.name)

    def measured() -> Iterator[tuple[str, int, tuple[Any, ...]]]:
        for item in layout.items:
            stamp = bytes_of(item.source) if item.source and not item.template else b""
            yield item.path, _length(item, stamp, spelling), (tuple(item), stamp)

    # Making a chunk of any format takes all of its members.
    level = max(levels(layout.variant), default=0)
    return [marshal.dumps(some) for _, some in groups.portions(measured(), level)]


def levels(variant: Variant) -> list[int]:
    """The chunk levels of a variant's formats."""
    codecs = (encoder_of(variant, each).codec for each in variant.formats if each in CODECS)
    return [chunking.LEVEL_OF[each] for each in codecs]


def _length(item: Item, stamp: bytes, spelling: archive.Posix) -> int:
    """How many bytes of tar an item takes; a template counts as empty until it is rendered."""
    path, kind, _, owner, group, _, _, link, _ = item
    size = 0
    if kind == FILE:
        size = size_in(stamp) if stamp else 0
        if length := spelling.length_of_file(path, size):
            return length
    return spelling.length(Entry(path, kind, 0, owner, group, size, link=link))


def collect(
    variant: Variant, shared: list[bytes], digests: Digests, place: Workspace | None
) -> Prefetched:
    """Collect all items of `shared`, on all processors.

    Makes chunks for `place` too, unless other tasks need the processors.
    """
    try:
        # Where the build needs room anyway.
        with tempfile.TemporaryFile(dir=place.work if place else None) as file:
            return _collect(variant, shared, digests, place, _Reports(file))
    except OSError:  # no room: collecting in one process needs none
        return Prefetched(None, frozenset())


def _collect(
    variant: Variant,
    shared: list[bytes],
    digests: Digests,
    place: Workspace | None,
    reports: _Reports,
) -> Prefetched:
    began = time.time_ns()
    lines: dict[int, list[str]] = {}
    keys: set[str] = set()
    work = _ShareWork(variant, shared, digests, reports, None if is_worker() else place)
    with Team(work.do, len(shared)) as team:
        for _ in team.progress():  # reports are taken over while more is read
            for number, found in reports.fresh():
                lines[number] = found.lines
                progress.count(files=len(found.lines), packed=len(found.keys))
                keys.update(found.keys)
                digests.learn(found.read, began)
    if len(lines) < len(shared):
        return Prefetched(None, frozenset(keys))
    listing = Listing([line for number in sorted(lines) for line in lines[number]])
    if place:
        cuts = chain.from_iterable(map(reports.cuts, sorted(lines)))
        groups.keep(place.groups(listing.content), listing.content, cuts)
    return Prefetched(listing, frozenset(keys))


class _Found(NamedTuple):
    """What one share was found to be."""

    lines: list[str]
    read: list[tuple[str, tuple[int, ...], str, str]]
    """The sources that were read: their signatures, digests, and what code was made for."""
    keys: list[str]


class _Reports:
    """The reports of processes, in a file that any number of them may append to."""

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor = file.fileno()
        # Each report is appended in one piece.
        fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | os.O_APPEND)
        self._at = 0
        self._cuts: dict[int, tuple[int, int]] = {}  # how many bytes, and where

    def write(self, number: int, found: _Found, cuts: list[Cut]) -> bool:
        """Append the report on a share; false if there was no room."""
        told, cut_told = marshal.dumps(tuple(found)), marshal.dumps([*map(tuple, cuts)])
        crc = crc32(cut_told, crc32(told))
        whole = b"".join((_HEAD.pack(number, len(told), len(cut_told), crc), told, cut_told))
        return os.write(self._descriptor, whole) == len(whole)

    def fresh(self) -> Iterator[tuple[int, _Found]]:
        """The reports since the last call; none behind one that is incomplete."""
        while len(head := os.pread(self._descriptor, _HEAD.size, self._at)) == _HEAD.size:
            number, size, cut_size, crc = _HEAD.unpack(head)
            # Nonsense if the reports of others follow a head that was cut off.
            if size + cut_size > os.fstat(self._descriptor).st_size:
                return
            data = os.pread(self._descriptor, size + cut_size, self._at + _HEAD.size)
            if len(data) < size + cut_size or crc32(data) != crc:
                return
            self._at += _HEAD.size + len(data)
            self._cuts[number] = cut_size, self._at - cut_size
            # marshal trusts what it is given: nobody else can write to this file. It reads the
            # first of two.
            yield number, _Found(*marshal.loads(data))  # noqa: S302

    def cuts(self, number: int) -> Iterator[Cut]:
        """The cuts of one share: those of all shares would take much memory."""
        # As above: only this program can have written it.
        data = os.pread(self._descriptor, *self._cuts[number])
        return map(Cut._make, marshal.loads(data))  # noqa: S302


class _ShareWork:
    """Works on shares of a layout, in any process."""

    def __init__(
        self,
        variant: Variant,
        shared: list[bytes],
        digests: Digests,
        reports: _Reports,
        place: Workspace | None,
    ) -> None:
        self._variant, self._shared, self._digests = variant, shared, digests
        self._reports, self._place = reports, place

    def do(self, number: int) -> bool:
        """Collect one share, and report; false only if there was no room for the report.

        A fault stops nobody: what others read is worth knowing.
        """
        # What `shares` has encoded.
        share = marshal.loads(self._shared[number])  # noqa: S302
        items = [Item._make(item) for item, _ in share]
        stamps = {item.source: stamp for item, (_, stamp) in zip(items, share, strict=True)}
        reader = _SourceReader(stamps, self._digests)
        with suppress(OSError, BuildError):  # collecting one by one reports it
            found = [collect_one(item, reader.look, self._variant.file_mode) for item in items]
            cuts = list(groups.share_out(self._variant.name, found))
            keys = list(self._make_chunks([*_groups(found, cuts)], reader))
            report = _Found([*map(spell, found)], reader.read, keys)
            return self._reports.write(number, report, cuts)
        return True

    def _make_chunks(self, cut: list[Group], reader: _SourceReader) -> Iterator[str]:
        """Make the chunks of a share in each format; yield the keys they are stored by."""
        if self._place is None:
            return
        variant, store = self._place.variant, Store(self._place.chunks)
        for format in self._place.formats:
            for group in groups.joined(cut, codec_of(variant, format)):
                run = self._run(format, group, reader)
                if run is None or store.size(run.chunks[0][0]):
                    continue  # the archive stage finds out whether it is undamaged
                ((key, _),) = run.chunks
                (piece,) = run.read()
                staged = store.stage(key, compress_chunk(piece, run.compress))
                if staged:
                    store.keep(staged)
                    yield key

    def _run(self, format: str, group: Group, reader: _SourceReader) -> ChunkRun | None:
        """The one chunk of a group in a format; None if it is several, or cannot be made yet."""
        if len(group.members) == 1 and group.length > chunking.MAX:
            return None  # it is read as it is compressed
        if any(each.template for each in group.members):
            return None
        run = writer(format).plan_group(self._variant, format, group, reader.whole)
        return run if run and len(run.chunks) == 1 else None


def _groups(found: list[Collected], cuts: list[Cut]) -> Iterator[Group]:
    start = 0
    for count, length, lines in cuts:
        yield Group(found[start : start + count], length, lines)
        start += count


class _SourceReader:
    """Reads each source of a share once, and holds it until the share is done."""

    def __init__(self, stamps: Mapping[str, bytes], digests: Digests) -> None:
        self._stamps, self._digests = stamps, digests
        self._held: dict[str, bytes] = {}
        self.read: list[tuple[str, tuple[int, ...], str, str]] = []

    def look(self, source: str) -> FileState:
        """The state of the file `source`; raises as Digests.hold does."""
        now = from_bytes(self._stamps[source])
        if not stat.S_ISREG(now.mode) or self._digests.known(source, now):
            return self._digests.hold(source, now)
        found = read_digest(source, now) if now.size > chunking.MAX else self._hold(source, now)
        self.read.append((source, tuple(now), *found))
        return file_of(now, *found)

    def whole(self, entry: Entry, source: str) -> bytes:
        """The content of `source`; raises as members.read_verified does."""
        held = self._held.get(source)
        return members.read_verified(entry, source) if held is None else held

    def _hold(self, source: str, now: Signature) -> tuple[str, str]:
        held = self._held[source] = read_whole(source, now)
        return hashlib.sha256(held).hexdigest(), made_for(source, held, lambda: BytesIO(held))
