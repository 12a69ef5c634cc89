"""Knows how sources are read where they are many: once, digested and pressed, on all processors.

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
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from zlib import crc32

from provisioning.artifact.formats import CODECS
from provisioning.artifact.model.entry import FILE, Entry
from provisioning.artifact.process_pool import Team
from provisioning.artifact.tar import archive, chunking
from provisioning.builder.archive import groups, members
from provisioning.builder.archive.compress import encoder_of, is_worker, pack
from provisioning.builder.archive.groups import Cut, Group
from provisioning.builder.archive.registry import RUN_OF
from provisioning.builder.archive.store import Store
from provisioning.builder.collect.collect import Listing, collect_one, spell
from provisioning.builder.collect.expand import Item
from provisioning.builder.collect.file_state import (
    file_of,
    from_bytes,
    read_digest,
    read_whole,
    size_in,
)
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from provisioning.builder.archive.members import Run
    from provisioning.builder.collect.collect import Collected
    from provisioning.builder.collect.file_state import Digests, Held, Signature
    from provisioning.builder.collect.layout import Layout
    from provisioning.builder.workspace.paths import Workspace
    from provisioning.spec.model.variant import Variant

_HEAD = struct.Struct("<3QL")
"""Of a report: the number of the group, how many bytes there are of what was found, and of its cut,
and the CRC-32 of both."""


class Ahead(NamedTuple):
    """What was found, and the keys of the chunks that were made of it."""

    listing: Listing | None
    """None where a source has a fault, or a process was killed."""
    keys: frozenset[str]


def shares(layout: Layout, bytes_of: Callable[[str], bytes]) -> list[bytes]:
    """Share the items of `layout` out as chunks will be, each share spelt by marshal.

    With each item goes the signature of its source, as `bytes_of` tells it. 100,000 of both take
    100 MB, which every process copies that looks at them: so objects are made share by share, where
    they are worked on. Raises as `bytes_of` does.
    """
    spelling = archive.Posix(layout.variant.name)

    def measured() -> Iterator[tuple[str, int, tuple[Any, ...]]]:
        for item in layout.items:
            stamp = bytes_of(item.source) if item.source and not item.template else b""
            yield item.path, _length(item, stamp, spelling), (tuple(item), stamp)

    # Whoever makes a chunk of any format has to have all of its members.
    level = max(levels(layout.variant), default=0)
    return [marshal.dumps(some) for _, some in groups.portions(measured(), level)]


def levels(variant: Variant) -> list[int]:
    """At which levels chunks of a variant's formats are made ahead."""
    codecs = (encoder_of(variant, each).codec for each in variant.formats if each in CODECS)
    return [chunking.LEVEL_OF[each] for each in codecs]


def _length(item: Item, stamp: bytes, spelling: archive.Posix) -> int:
    """How many bytes of tar an item takes. Of what is rendered nobody knows yet how much it is."""
    path, kind, _, owner, group, _, _, link, _ = item
    size = 0
    if kind == FILE:
        size = size_in(stamp) if stamp else 0
        if length := spelling.length_of_file(path, size):
            return length
    return spelling.length(Entry(path, kind, 0, owner, group, size, link=link))


def collect(
    variant: Variant, shared: list[bytes], digests: Digests, place: Workspace | None
) -> Ahead:
    """Look at every source of what was shared out, of which many have to be read.

    For `place`, chunks are made too, unless others are waiting for the processors.
    """
    try:
        # Beside what is built: there has to be room, and need be none anywhere else.
        with tempfile.TemporaryFile(dir=place.work if place else None) as file:
            return _collect(variant, shared, digests, place, _Reports(file))
    except OSError:
        return Ahead(None, frozenset())  # there is no room: to collect in one process takes none


def _collect(
    variant: Variant,
    shared: list[bytes],
    digests: Digests,
    place: Workspace | None,
    reports: _Reports,
) -> Ahead:
    began = time.time_ns()
    lines: dict[int, list[str]] = {}
    keys: set[str] = set()
    work = _Work(variant, shared, digests, reports, None if is_worker() else place)
    with Team(work.do, len(shared)) as team:
        for _ in team.progress():  # what was found is taken over while more is looked at
            for number, found in reports.fresh():
                lines[number] = found.lines
                keys.update(found.keys)
                digests.learn(found.read, began)
    if len(lines) < len(shared):
        return Ahead(None, frozenset(keys))
    listing = Listing([line for number in sorted(lines) for line in lines[number]])
    if place:
        told = chain.from_iterable(map(reports.cuts, sorted(lines)))
        groups.keep(place.groups, listing.content, told)
    return Ahead(listing, frozenset(keys))


class _Found(NamedTuple):
    """What was found of one group."""

    lines: list[str]
    read: list[tuple[str, tuple[int, ...], str]]
    """The sources that were read, with their signatures and digests."""
    keys: list[str]


class _Reports:
    """What processes have to tell, in a file to which any number of them may write."""

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor = file.fileno()
        # What each writes comes behind what the others have written, and in one piece.
        fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | os.O_APPEND)
        self._at = 0
        self._cuts: dict[int, tuple[int, int]] = {}  # how many bytes, and where

    def write(self, number: int, found: _Found, cuts: list[Cut]) -> bool:
        """Report on a share; tell whether there was room for it."""
        told, cut_told = marshal.dumps(tuple(found)), marshal.dumps([*map(tuple, cuts)])
        crc = crc32(cut_told, crc32(told))
        whole = b"".join((_HEAD.pack(number, len(told), len(cut_told), crc), told, cut_told))
        return os.write(self._descriptor, whole) == len(whole)

    def fresh(self) -> Iterator[tuple[int, _Found]]:
        """The reports that were not there the last time; none behind one that is incomplete."""
        while len(head := os.pread(self._descriptor, _HEAD.size, self._at)) == _HEAD.size:
            number, size, cut_size, crc = _HEAD.unpack(head)
            # Nonsense, where what others had room for follows a head that was cut off.
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
        """The cuts of a share: all of them would be much to hold."""
        # As above: what stands there this program has written, and nobody else can.
        told = marshal.loads(os.pread(self._descriptor, *self._cuts[number]))  # noqa: S302
        return map(Cut._make, told)


class _Work:
    """Shares of a layout, each to be worked on by whichever process."""

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
        """Work on one share, and report; False only where there is no room for the report.

        A fault ends nothing: what others read is worth knowing.
        """
        # What `shares` has spelt.
        share = marshal.loads(self._shared[number])  # noqa: S302
        items = [Item._make(item) for item, _ in share]
        stamps = {item.source: stamp for item, (_, stamp) in zip(items, share, strict=True)}
        reader = _Reader(stamps, self._digests)
        with suppress(OSError, BuildError):  # told by collecting one after the other
            found = [collect_one(item, reader.look, self._variant.file_mode) for item in items]
            cuts = list(groups.share_out(self._variant.name, found))
            keys = list(self._press([*_groups(found, cuts)], reader))
            told = _Found([*map(spell, found)], reader.read, keys)
            return self._reports.write(number, told, cuts)
        return True

    def _press(self, cut: list[Group], reader: _Reader) -> Iterator[str]:
        """Make the chunks of a share in each format; return the keys by which they are kept."""
        if self._place is None:
            return
        variant, store = self._place.variant, Store(self._place.chunks)
        for format in (each for each in self._place.formats if each in RUN_OF):
            for group in groups.joined(cut, encoder_of(variant, format).codec):
                run = self._run(format, group, reader)
                if run is None or store.size(run.chunks[0][0]):
                    continue  # whether it is undamaged, the archive stage finds out
                ((key, _),) = run.chunks
                (piece,) = run.read()
                staged = store.stage(key, pack(piece, run.press))
                if staged:
                    store.keep(staged)
                    yield key

    def _run(self, format: str, group: Group, reader: _Reader) -> Run | None:
        """The one chunk that a group is in a format; None where it is several, or none yet."""
        if len(group.members) == 1 and group.length > chunking.MAX:
            return None  # it is read as it is compressed
        if any(each.template for each in group.members):
            return None
        run = RUN_OF[format](self._variant, format, group, reader.whole)
        return run if run and len(run.chunks) == 1 else None


def _groups(found: list[Collected], cuts: list[Cut]) -> Iterator[Group]:
    start = 0
    for count, length, lines in cuts:
        yield Group(found[start : start + count], length, lines)
        start += count


class _Reader:
    """The sources of one share, each read once, and held for as long as somebody may ask."""

    def __init__(self, stamps: Mapping[str, bytes], digests: Digests) -> None:
        self._stamps, self._digests = stamps, digests
        self._held: dict[str, bytes] = {}
        self.read: list[tuple[str, tuple[int, ...], str]] = []

    def look(self, source: str) -> Held:
        """What lies at `source`; raises as Digests.hold does."""
        now = from_bytes(self._stamps[source])
        if not stat.S_ISREG(now.mode) or self._digests.known(source, now):
            return self._digests.hold(source, now)
        digest = read_digest(source, now) if now.size > chunking.MAX else self._hold(source, now)
        self.read.append((source, tuple(now), digest))
        return file_of(now, digest)

    def whole(self, entry: Entry, source: str) -> bytes:
        """What `source` holds; raises as members.whole does."""
        held = self._held.get(source)
        return members.whole(entry, source) if held is None else held

    def _hold(self, source: str, now: Signature) -> str:
        held = self._held[source] = read_whole(source, now)
        return hashlib.sha256(held).hexdigest()
