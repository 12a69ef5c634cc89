"""Knows where the bytes of two artifacts begin to differ, and in which member of theirs that is.

What a member holds may be secret, and then nothing is told but which of its bytes is the first.
"""

from __future__ import annotations

import io
import os
import tarfile
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.codec import READERS
from provisioning.artifact.deb import containers
from provisioning.artifact.deb.reader import READERS as DEB_READERS
from provisioning.artifact.difference import LARGEST, Text, compare, spelled, texts, unified, view
from provisioning.artifact.filesystem import MIB, Span
from provisioning.artifact.model.entry import shown
from provisioning.artifact.model.release import CODECS, DEB, DIR, ZIP, format_of
from provisioning.artifact.tar.ustar import BLOCK
from provisioning.artifact.verify.contents import Finding
from provisioning.artifact.zip.headers import LOCAL
from provisioning.artifact.zip.stream import ZipStream, pass_over, read_local
from provisioning.builder.archive import pack
from provisioning.builder.collect import collect
from provisioning.builder.collect.collect import Listing
from provisioning.builder.collect.expand import templates_of
from provisioning.builder.collect.file_state import Digests
from provisioning.builder.render import render
from provisioning.builder.verify.expected import Described, secrecy
from provisioning.builder.workspace import checksums
from provisioning.builder.workspace.leftovers import scratch
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.codec import ChunkReader
    from provisioning.artifact.difference import Detail
    from provisioning.builder.collect.layout import Layout
    from provisioning.builder.workspace.paths import Workspace

    Stream = BinaryIO | io.BufferedReader


MOST_LINES = 16
"""How many lines of a text are told."""

_SHOWN = 16  # bytes of either file
_FIELDS = (  # of a header of tar, and where each ends (pax(1); GNU's are the same)
    *(("name", 100), ("mode", 108), ("uid", 116), ("gid", 124), ("size", 136), ("mtime", 148)),
    *(("checksum", 156), ("type", 157), ("link", 257), ("magic", 265), ("owner", 297)),
    *(("group", 329), ("devices", 345), ("name", 500), ("padding", BLOCK)),
)
_AR_FIELDS = (  # of a header of ar (deb(5)), but for the name and the size
    *(("mtime", 28), ("uid", 34), ("gid", 40), ("mode", 48), ("end", containers.HEADER)),
)


class _Place(NamedTuple):
    """Where two streams begin to differ, and a few bytes of either from there on."""

    at: int
    old: bytes
    new: bytes

    def __str__(self) -> str:
        old, new = (each.hex(" ") or "its end" for each in (self.old, self.new))
        return f"{old}, built again: {new}"


class _Part(NamedTuple):
    """A part of a file that holds compressed chunks."""

    path: Path
    start: int
    size: int
    codec: type[ChunkReader]

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """What is compressed there."""
        with open(self.path, "rb", 0) as file:
            yield io.BufferedReader(self.codec(Span(file, self.start, self.size), 1 << 62))


class _ArMember(NamedTuple):
    name: str
    header: bytes
    start: int
    size: int


def difference(one: Path, other: Path, prefix: str) -> str | None:
    """Where two files begin to differ, and with which bytes; None where they are equal.

    In a Debian package, what is not in the directory `prefix` is of this program's own making, and
    its lines are told.
    """
    with open(one, "rb") as first, open(other, "rb") as second:
        place = _first(first, second)
    if place is None:
        return None
    told, format = f"byte {place.at}: {place}", format_of(one.name) or ""
    if format == ZIP:
        return f"{told}; {_zip_place(one, place.at)}"
    if format == DEB:
        return _in_debs(one, other, prefix) or _encoded(told)
    if format in CODECS:
        reader = READERS[CODECS[format]]
        parts = (_Part(each, 0, each.stat().st_size, reader) for each in (one, other))
        return _in_tars(*parts, hidden="") or _encoded(told)
    return told


def _encoded(told: str) -> str:
    return f"{told}; what is compressed there is the same: another encoder made it"


def _zip_place(path: Path, at: int) -> str:
    """In which member of a zip a byte lies."""
    with open(path, "rb") as file:
        source = ZipStream(file)
        while source.read(len(LOCAL)) == LOCAL:
            found = read_local(source)
            part = "its header" if at < source.offset else "what is compressed there"
            pass_over(source, found)
            if at < source.offset:
                return f"{found.name}: {part}"
    return "the central directory"


def _in_debs(one: Path, other: Path, prefix: str) -> str | None:
    """Where two Debian packages differ; None where they do only as they are compressed."""
    old, new = list(_ar_members(one)), list(_ar_members(other))
    for before, after in zip(old, new, strict=False):
        if before.name != after.name:
            return f"{shown(before.name)}, built again: {shown(after.name)}"
        in_header = _in_ar_headers(before.header, after.header)
        parts = (one, before), (other, after)
        if told := in_header or _in_ar_contents(*parts, prefix):
            return f"{before.name}: {told}"
    return None if len(old) == len(new) else f"{len(old)} members, built again: {len(new)}"


def _ar_members(path: Path) -> Iterator[_ArMember]:
    with open(path, "rb") as file:
        file.seek(len(containers.MAGIC))
        while header := file.read(containers.HEADER):
            size = int(header[containers.SIZE])
            yield _ArMember(header[:16].decode().rstrip(), header, file.tell(), size)
            file.seek(len(containers.padding(size)) + size, io.SEEK_CUR)


def _in_ar_headers(old: bytes, new: bytes) -> str | None:
    """Which field differs, but for the size: that goes with the content."""
    sized = (each[: containers.SIZE.start] + each[containers.SIZE.stop :] for each in (old, new))
    place = _first(*map(io.BytesIO, sized))
    if place is None:
        return None
    field = next(name for name, end in _AR_FIELDS if place.at < end)
    return f"the {field} in its header: {place}"


def _in_ar_contents(
    old: tuple[Path, _ArMember], new: tuple[Path, _ArMember], prefix: str
) -> str | None:
    """Where in a member of an ar; None where it is only compressed otherwise."""
    name = old[1].name
    if name == containers.VERSION:
        with open(old[0], "rb", 0) as first, open(new[0], "rb", 0) as second:
            spans = (Span(first, *old[1][2:]), Span(second, *new[1][2:]))
            place = _first(*map(io.BufferedReader, spans))
            return place and f"byte {place.at} of its content: {place}"
    codec = next((codec for codec, data in containers.DATA.items() if data == name), "gzip")
    parts = (_Part(path, *member[2:], DEB_READERS[codec]) for path, member in (old, new))
    return _in_tars(*parts, hidden=f".{prefix}/")


def _in_tars(one: _Part, other: _Part, *, hidden: str) -> str | None:
    """In which member two tars differ, and where in it; None where they do not.

    `hidden`: what the names of members begin with whose lines are not told.
    """
    with one.open() as first, other.open() as second:
        place = _first(first, second)
    if place is None:
        return None
    member = _member_at(one, place.at)
    if member is None:
        return f"after the last member: {place}"
    lines = "" if member.name.startswith(hidden) else _lines(one, other, member.name)
    return f"{shown(member.name)}: {_in_member(place, member)}{lines}"


def _member_at(part: _Part, at: int) -> tarfile.TarInfo | None:
    """The member in which a byte of a tar lies."""
    for member, _ in _members(part):
        if at < member.offset_data + member.size + -member.size % BLOCK:
            return member
    return None


def _members(part: _Part) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    # That a content has to be read before the next member makes it a pair.
    with part.open() as stream, tarfile.open(fileobj=stream, mode="r|", encoding="utf-8") as tar:
        for member in tar:
            yield member, tar


def _in_member(place: _Place, member: tarfile.TarInfo) -> str:
    """Which part of a member; of a content, no more than where."""
    at, header = place.at - member.offset, member.offset_data - member.offset
    if at >= header:
        return f"byte {at - header} of its content"
    if at < header - BLOCK:
        return f"what is too long for its header: {place}"
    field = next(name for name, end in _FIELDS if at % BLOCK < end)
    return f"the {field} in its header: {place}"


def _lines(one: _Part, other: _Part, name: str) -> str:
    """How the lines of a text differ that both have, below each other."""
    old, new = _text(one, name), _text(other, name)
    if old is None or new is None or old == new:
        return ""
    return "".join(f"\n    {line}" for line in unified(old, new).lines[:MOST_LINES])


def _text(part: _Part, name: str) -> bytes | None:
    for member, tar in _members(part):
        if member.name == name and member.size <= LARGEST:
            content = tar.extractfile(member)
            return content.read() if content else None
    return None


def _first(one: Stream, other: Stream) -> _Place | None:
    """Where two streams that are read from their start begin to differ; None where they do not."""
    offset = 0
    while True:
        block, again = one.read(MIB), other.read(MIB)
        if block != again:
            pairs = enumerate(zip(block, again, strict=False))
            at = next((at for at, (a, b) in pairs if a != b), min(len(block), len(again)))
            return _Place(offset + at, block[at : at + _SHOWN], again[at : at + _SHOWN])
        if not block:
            return None
        offset += len(block)


def rebuild(layout: Layout, place: Workspace) -> None:
    """Build `layout` again, elsewhere, without what is remembered, and compare every byte.

    Raises:
        BuildError: with each file that is another, and where it begins to be.
        OSError: a file cannot be read or written.
    """
    room = 2 * sum(path.stat().st_size for path in place.packed)
    with scratch(place.work, room) as directory:
        again = build_elsewhere(layout, place, directory)
        findings = [str(finding) for finding in _findings(place, again, layout)]
    if findings:
        told = "\n".join(findings)
        raise BuildError(f"{told}\n{place.release}: a build from nothing gives something else")


def build_elsewhere(layout: Layout, place: Workspace, directory: Path) -> Workspace:
    """Build from nothing below `directory`; raises like `rebuild`."""
    again = replace(
        place,
        work=directory / "work",
        release=directory / place.release.name,
        chunks=directory / "chunks",
    )
    again.work.mkdir()
    digests = Digests(directory / "digests.sqlite")
    render.render(layout.variant, templates_of(layout.items), again.rendered)
    pack.pack(again, Listing.of(collect.collect(layout, digests.look)), digests)
    checksums.write_sums(again)
    return again


def _findings(one: Workspace, other: Workspace, layout: Layout) -> Iterator[Finding]:
    data, again = one.manifest.read_bytes(), other.manifest.read_bytes()
    if data != again:  # all the rest follows from that
        yield from _manifest_findings(one, other, layout)
        return
    for path in dict.fromkeys((*one.artifacts, *one.packed, one.sums)):  # each once
        if path.is_dir():
            yield from _tree_findings(path, other.artifact(DIR))
        else:
            again_there = other.release / path.relative_to(one.release)
            if told := difference(path, again_there, layout.variant.prefix):
                yield Finding(path.name, told)


def _manifest_findings(one: Workspace, other: Workspace, layout: Layout) -> Iterator[Finding]:
    described = Described(layout, one.package, Digests(other.work.with_name("digests.sqlite")))
    old, new = (view(each.artifacts[0], str(each.artifacts[0])) for each in (one, other))
    compared = compare(old.manifest, new.manifest)
    hidden = secrecy((each, described) for each in (old, new))
    found = texts(old, new, compared.changes, hidden.why_not)
    for detail in compared.head:
        yield Finding(detail.name, _again(detail))
    for change in compared.changes:
        told = "; ".join(f"{each.name} {_again(each)}" for each in change.details)
        text = found.get(change.path, Text())
        lines = "".join(f"\n    {line}" for line in text.lines[:MOST_LINES])
        yield Finding(change.path, (told or f"{change.kind} when it is built again") + lines)


def _again(detail: Detail) -> str:
    return f"{spelled(detail.old)}, built again: {spelled(detail.new)}"


def _tree_findings(one: Path, other: Path) -> Iterator[Finding]:
    found, again = _listing(one), _listing(other)
    for path in sorted({*found, *again}):
        if found.get(path) != again.get(path):
            yield Finding(path, f"{found.get(path, 'missing')}, built again: {again.get(path)}")


def _listing(root: Path) -> dict[str, str]:
    """What can be told of each path below `root`."""
    listed = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        what = os.readlink(path) if path.is_symlink() else "directory"
        if path.is_file() and not path.is_symlink():
            what = filesystem.of_file(path)
        listed[str(path.relative_to(root))] = f"{status.st_mode:o} {status.st_mtime:.0f} {what}"
    return listed
