"""Knows whether a build from nothing gives the same bytes, and where the first other one lies."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from provisioning.artifact import archive, digest, manifest, tar
from provisioning.artifact.codec import READERS
from provisioning.artifact.difference import compare, spelled
from provisioning.artifact.digest import MIB
from provisioning.artifact.finding import Finding
from provisioning.artifact.lines import Text
from provisioning.artifact.release import CODECS, DIR, ZIP, format_of
from provisioning.artifact.text import texts
from provisioning.artifact.view import view
from provisioning.artifact.zip.members import Source, pass_over, read_local
from provisioning.artifact.zip.spelling import LOCAL
from provisioning.build import collect, pack, render, sums
from provisioning.build.described import Described
from provisioning.build.digests import Digests
from provisioning.build.scratch import scratch
from provisioning.build.secrecy import secrecy
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.difference import Detail
    from provisioning.build.layout import Layout
    from provisioning.build.workspace import Workspace

_SHOWN = 16  # bytes of either file, lines of a text
_FIELDS = (  # of a ustar header, and where each ends (pax(1))
    *(("name", 100), ("mode", 108), ("uid", 116), ("gid", 124), ("size", 136), ("mtime", 148)),
    *(("checksum", 156), ("type", 157), ("link", 257), ("magic", 265), ("owner", 297)),
    *(("group", 329), ("devices", 345), ("name", 500), ("padding", tar.BLOCK)),
)


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
    render.render(layout, again.rendered)
    collected = collect.complete(collect.collect(layout, digests.look), again.rendered, digests)
    pack.pack(again, collected, digests)
    sums.write(again)
    return again


def _findings(one: Workspace, other: Workspace, layout: Layout) -> Iterator[Finding]:
    data, again = one.manifest.read_bytes(), other.manifest.read_bytes()
    if data != again:  # all the rest follows from that
        yield from _manifest_findings(one, other, layout)
        return
    for path in (*one.artifacts, *one.packed, one.sums):
        if path.is_dir():
            yield from _tree_findings(path, other.artifact(DIR))
        elif difference := _difference(path, other.release / path.relative_to(one.release)):
            yield Finding(path.name, difference)


def _manifest_findings(one: Workspace, other: Workspace, layout: Layout) -> Iterator[Finding]:
    described = Described(layout, one.package, Digests(other.work.with_name("digests.sqlite")))
    old, new = (view(each.artifacts[0], str(each.artifacts[0])) for each in (one, other))
    difference = compare(old.manifest, new.manifest)
    hidden = secrecy((each, described) for each in (old, new))
    found = texts(old, new, difference.changes, hidden.why_not)
    for detail in difference.head:
        yield Finding(detail.name, _again(detail))
    for change in difference.changes:
        told = "; ".join(f"{each.name} {_again(each)}" for each in change.details)
        text = found.get(change.path, Text())
        lines = "".join(f"\n    {line}" for line in text.lines[:_SHOWN])
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
            what = digest.of_file(path)
        listed[str(path.relative_to(root))] = f"{status.st_mode:o} {status.st_mtime:.0f} {what}"
    return listed


class _Place(NamedTuple):
    """Where two streams begin to differ, and a few bytes of either from there on."""

    at: int
    old: bytes
    new: bytes

    def __str__(self) -> str:
        old, new = (each.hex(" ") or "its end" for each in (self.old, self.new))
        return f"{old}, built again: {new}"


def _difference(one: Path, other: Path) -> str | None:
    """Where two files begin to differ, and with which bytes; None where they are equal."""
    with open(one, "rb") as first, open(other, "rb") as second:
        place = _first(first, second)
    if place is None:
        return None
    told, format = f"byte {place.at}: {place}", format_of(one.name) or ""
    if format == ZIP:
        return f"{told}; {_zip_place(one, place.at)}"
    return _told(one, other, CODECS[format], told) if format in CODECS else told


def _zip_place(path: Path, at: int) -> str:
    """In which member of a zip a byte lies."""
    with open(path, "rb") as file:
        source = Source(file)
        while source.read(len(LOCAL)) == LOCAL:
            found = read_local(source)
            part = "its header" if at < source.offset else "what is compressed there"
            pass_over(source, found)
            if at < source.offset:
                return f"{found.name}: {part}"
    return "the central directory"


def _told(one: Path, other: Path, codec: str, packed: str) -> str:
    """In which member two archives differ; only if in none, where they do as they are `packed`."""
    with open(one, "rb", 0) as first, open(other, "rb", 0) as second:
        streams = [io.BufferedReader(READERS[codec](each, 1 << 62)) for each in (first, second)]
        place = _first(*streams)
    if place is None:
        return f"{packed}; what is compressed there is the same: another encoder made it"
    data = next(one.parent.glob("*.manifest.json")).read_bytes()
    parsed = manifest.parse(data, "manifest")
    name = parsed.package.name
    members = [
        *archive.preamble(data, name),
        *(archive.member(entry, name) for entry in parsed.entries),
    ]
    ends = accumulate(map(tar.length, members))
    for member, end in zip(members, ends, strict=True):
        if place.at < end:
            start = end - tar.length(member)
            return f"{member.name}: {_part(place, start, len(tar.header(member)))}"
    return f"after the last member: {place}"


def _part(place: _Place, start: int, header: int) -> str:
    """Which part of a member that begins at `start`; of a content, which may be secret, no more."""
    at = place.at - start
    if at >= header:
        return f"byte {at - header} of its content"
    field = next(name for name, end in _FIELDS if at % tar.BLOCK < end)
    return f"the {field} in its header: {place}"


def _first(one: BinaryIO | io.BufferedReader, other: BinaryIO | io.BufferedReader) -> _Place | None:
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
