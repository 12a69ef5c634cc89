"""Knows how many sources are read once: digested, and pressed into chunks, on all processors.

Before anything was read, their sizes tell which members share a chunk. So whoever reads a group
for its digests can make its chunk too, and the archive stage finds it in the store.
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
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from zlib import crc32

from provisioning.artifact import archive, chunk, manifest
from provisioning.artifact.entry import FILE, Entry
from provisioning.artifact.team import Team
from provisioning.build import groups, members
from provisioning.build.collect import collect_one
from provisioning.build.digests import file_of, read_digest, read_whole
from provisioning.build.format import RUN_OF
from provisioning.build.groups import Cut, Group
from provisioning.build.listing import Listing, spell
from provisioning.build.press import is_alone, pack
from provisioning.build.store import Store
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provisioning.build.digests import Digests, Held
    from provisioning.build.layout import Layout
    from provisioning.build.listing import Collected
    from provisioning.build.signature import Signature
    from provisioning.build.workspace import Workspace

    Look = Callable[[str], Signature]

_HEAD = struct.Struct("<QL")  # of a report: how many bytes it is, and their CRC-32


class Ahead(NamedTuple):
    """What was found, and the keys of the chunks that were made of it."""

    listing: Listing
    keys: frozenset[str]


def collect(layout: Layout, look: Look, digests: Digests, place: Workspace | None) -> Ahead | None:
    """Look at every source of `layout`, of which many have to be read; None where one has a fault.

    `look` tells which signature each must have. For `place`, chunks are made too, unless others are
    waiting for the processors.
    """
    began = time.time_ns()
    reports: dict[int, _Report] = {}
    with tempfile.TemporaryFile() as file:
        written = _Written(file)
        try:
            work = _Work(layout, look, digests, written, place if is_alone() else None)
        except OSError:
            return None  # a source is missing
        with Team(work.do, len(work.shares)) as team:
            # What they have found is taken over meanwhile.
            for _ in team.progress():  # what was found is taken over while more is looked at
                for report in written.fresh():
                    reports[report.number] = report
                    read = ((source, look(source), digest) for source, digest in report.read)
                    digests.learn(read, began)
    if len(reports) < len(work.shares):
        return None
    return _joined([reports[number] for number in range(len(reports))], place)


class _Report(NamedTuple):
    """What one process has to tell of one group."""

    number: int
    lines: list[str]
    cut: tuple[int, int, bytes]
    read: list[tuple[str, str]]
    """The sources that were read, and their digests."""
    keys: list[str]


class _Written:
    """Reports, in a file to which any number of processes may write."""

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor = file.fileno()
        # What each writes comes behind what the others have written, and in one piece.
        fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | os.O_APPEND)
        self._at = 0

    def write(self, report: _Report) -> bool:
        """Write a report; tell whether there was room for it."""
        data = marshal.dumps(tuple(report))
        whole = _HEAD.pack(len(data), crc32(data)) + data
        return os.write(self._descriptor, whole) == len(whole)

    def fresh(self) -> Iterator[_Report]:
        """The reports that were not there the last time; none behind what was cut off."""
        while len(head := os.pread(self._descriptor, _HEAD.size, self._at)) == _HEAD.size:
            length, crc = _HEAD.unpack(head)
            data = os.pread(self._descriptor, length, self._at + _HEAD.size)
            if len(data) < length or crc32(data) != crc:
                return
            self._at += _HEAD.size + length
            yield _Report(*marshal.loads(data))  # noqa: S302 - nobody else knows of the file


def _joined(reports: list[_Report], place: Workspace | None) -> Ahead:
    listing = Listing([line for each in reports for line in each.lines])
    if place:
        groups.keep(place.groups, listing.content, [Cut(*each.cut) for each in reports])
    return Ahead(listing, frozenset(key for each in reports for key in each.keys))


class _Work:
    """The groups of a layout, each to be worked on by whichever process."""

    def __init__(
        self,
        layout: Layout,
        look: Look,
        digests: Digests,
        written: _Written,
        place: Workspace | None,
    ) -> None:
        self._layout, self._look, self._digests = layout, look, digests
        self._written, self._place = written, place
        self._spelling = archive.Posix(layout.variant.name)
        self.shares = list(chunk.boundaries(self._lengths()))

    def do(self, number: int) -> bool:
        """Work on one group, and report."""
        items = self._layout.items[self.shares[number]]
        reader = _Reader(self._look, self._digests)
        with suppress(OSError, BuildError):  # which is told by who looks at one after the other
            file_mode = self._layout.variant.file_mode
            found = [collect_one(item, reader.look, file_mode) for item in items]
            entries = [each.entry for each in found]
            length = sum(map(self._spelling.length, entries))
            cut = Cut(len(found), length, manifest.lines(entries))
            keys = list(self._press(Group(found, length, cut.lines), reader))
            report = _Report(number, [*map(spell, found)], (*cut,), reader.read, keys)
            return self._written.write(report)
        return True

    def _lengths(self) -> Iterator[tuple[str, int]]:
        of_file, look = self._spelling.length_of_file, self._look
        for item in self._layout.items:
            path, kind, _, owner, group, source, template, link, _ = item
            # Of what is rendered nobody knows yet how much it is.
            size = look(source).size if kind == FILE and source and not template else 0
            if kind != FILE or not (length := of_file(path, size)):
                entry = Entry(path, kind, 0, owner, group, size, link=link)
                length = self._spelling.length(entry)
            yield path, length

    def _press(self, group: Group, reader: _Reader) -> Iterator[str]:
        """Make the chunk of a group in each format; return the keys by which they are kept."""
        if self._place is None or group.length > chunk.MAX or any(map(_is_template, group.members)):
            return
        variant, store = self._place.variant, Store(self._place.chunks)
        for format in self._place.formats:
            run = RUN_OF[format](variant, format, group, reader.whole) if format in RUN_OF else None
            if run is None or len(run.chunks) > 1:
                continue
            ((key, _),) = run.chunks
            (piece,) = run.read()
            staged = None if store.size(key) else store.stage(key, pack(piece, run.press))
            if staged:
                store.keep(staged)
                yield key


class _Reader:
    """The sources of one group, each read once, and held for as long as somebody may ask."""

    def __init__(self, look: Look, digests: Digests) -> None:
        self._look, self._digests = look, digests
        self._held: dict[str, bytes] = {}
        self.read: list[tuple[str, str]] = []

    def look(self, source: str) -> Held:
        """What lies at `source`; raises as Digests.hold does."""
        now = self._look(source)
        if not stat.S_ISREG(now.mode) or self._digests.known(source, now):
            return self._digests.hold(source, now)
        digest = read_digest(source, now) if now.size > chunk.MAX else self._hold(source, now)
        self.read.append((source, digest))
        return file_of(now, digest)

    def whole(self, entry: Entry, source: str) -> bytes:
        """What `source` holds; raises as members.whole does."""
        held = self._held.get(source)
        return members.whole(entry, source) if held is None else held

    def _hold(self, source: str, now: Signature) -> str:
        held = self._held[source] = read_whole(source, now)
        return hashlib.sha256(held).hexdigest()


def _is_template(each: Collected) -> bool:
    return each.template
