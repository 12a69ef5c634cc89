"""Builds a package again from nothing, and names what comes out differently (`--rebuild`)."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.codec import READERS
from provisioning.artifact.contents import Finding
from provisioning.artifact.deb import containers
from provisioning.artifact.deb.reader import READERS as DEB_READERS
from provisioning.artifact.difference import compare, spelled, view
from provisioning.artifact.filesystem import MIB, FileRange
from provisioning.artifact.formats import CODECS, DEB, DIR, ZIP, format_of
from provisioning.artifact.model.entry import shown
from provisioning.builder.archive import pack
from provisioning.builder.collect import collect
from provisioning.builder.collect.collect import Listing
from provisioning.builder.collect.expand import templates_of
from provisioning.builder.collect.file_state import Digests
from provisioning.builder.render import render
from provisioning.builder.workspace.leftovers import scratch
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path
    from typing import IO

    from provisioning.artifact.codec import ChunkReader
    from provisioning.artifact.difference import Detail
    from provisioning.builder.collect.layout import Layout
    from provisioning.builder.workspace.paths import Workspace

_ADVICE = "a build from scratch gives a different result; compare both artifacts with diffoscope"
_SHOWN = 16  # digits of a digest


def rebuild(layout: Layout, place: Workspace) -> None:
    """Build `layout` again, elsewhere, without what is remembered, and compare every byte.

    Raises:
        BuildError: with each file that differs.
        OSError: a file cannot be read or written.
    """
    room = 2 * sum(path.stat().st_size for path in place.packed)
    with scratch(place.work, room) as directory:
        again = build_elsewhere(layout, place, directory)
        findings = [str(finding) for finding in _findings(place, again)]
    if findings:
        told = "\n".join(findings)
        raise BuildError(f"{told}\n{place.release}: {_ADVICE}")


def build_elsewhere(layout: Layout, place: Workspace, directory: Path) -> Workspace:
    """Build from nothing below `directory`; raises like `rebuild`."""
    again = place._replace(
        work=directory / "work",
        release=directory / place.release.name,
        chunks=directory / "chunks",
    )
    again.work.mkdir()
    digests = Digests(directory / "digests.sqlite")
    render.render(layout.variant, templates_of(layout.items), again.rendered)
    pack.pack(again, Listing.of(collect.collect(layout, digests.look)), digests)
    return again


def _findings(one: Workspace, other: Workspace) -> Iterator[Finding]:
    if one.manifest.read_bytes() != other.manifest.read_bytes():
        yield from _manifest_findings(one.artifacts[0], other.artifacts[0])
        return  # all other differences follow from that
    for path in dict.fromkeys((*one.artifacts, *one.packed)):  # each once
        if path.is_dir():
            yield from _tree_findings(path, other.artifact(DIR))
        elif told := difference(path, other.release / path.relative_to(one.release)):
            yield Finding(path.name, told)


def _manifest_findings(one: Path, other: Path) -> Iterator[Finding]:
    compared = compare(*(view(each, str(each)).manifest for each in (one, other)))
    for detail in compared.head:
        yield Finding(detail.name, _again(detail))
    for change in compared.changes:
        told = "; ".join(f"{each.name} {_again(each)}" for each in change.details)
        yield Finding(change.path, told or f"{change.kind} when it is built again")


def _again(detail: Detail) -> str:
    return f"{spelled(detail.old)}, built again: {spelled(detail.new)}"


def _tree_findings(one: Path, other: Path) -> Iterator[Finding]:
    found, again = _listing(one), _listing(other)
    for path in sorted({*found, *again}):
        if found.get(path) != again.get(path):
            yield Finding(path, f"{found.get(path, 'missing')}, built again: {again.get(path)}")


def _listing(root: Path) -> dict[str, str]:
    """The mode, time and content of each path below `root`."""
    listed = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        what = os.readlink(path) if path.is_symlink() else "directory"
        if path.is_file() and not path.is_symlink():
            what = filesystem.of_file(path)
        listed[str(path.relative_to(root))] = f"{status.st_mode:o} {status.st_mtime:.0f} {what}"
    return listed


class _ComparedMember(NamedTuple):
    """A member of an archive, as far as it is compared."""

    name: str
    digest: str
    header: object = None


def difference(one: Path, other: Path) -> str | None:
    """The digests of two builds of a file, and the first member that differs; None if none does."""
    old, new = filesystem.of_file(one), filesystem.of_file(other)
    if old == new:
        return None
    told = _digests(old, new)
    if format_of(one.name) not in {*CODECS, ZIP, DEB}:
        return told
    for before, after in zip_longest(_members(one), _members(other)):
        if before != after:
            return f"{told}; {_first(before, after)}"
    return f"{told}; all members are the same, but compressed differently"


def _first(before: _ComparedMember | None, after: _ComparedMember | None) -> str:
    if not before or not after or before.name != after.name:
        old, new = (shown(each.name) if each else "no more members" for each in (before, after))
        return f"{old}, built again: {new}"
    what = f"content {_digests(before.digest, after.digest)}"
    return f"{shown(before.name)}: {'header' if before.digest == after.digest else what}"


def _digests(old: str, new: str) -> str:
    return f"{old[:_SHOWN]}…, built again: {new[:_SHOWN]}…"


def _members(path: Path) -> Iterator[_ComparedMember]:
    format = format_of(path.name)
    with open(path, "rb", 0) as file:
        if format == ZIP:
            yield from _zip_members(file)
        elif format == DEB:
            yield from _deb_members(file)
        elif format in CODECS:
            yield from _tar_members(file, 0, path.stat().st_size, READERS[CODECS[format]])


def _zip_members(file: FileIO) -> Iterator[_ComparedMember]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            header = info.date_time, info.compress_type, info.external_attr, info.extra
            with archive.open(info) as content:
                yield _ComparedMember(info.filename, _digest(content), header)


def _deb_members(file: FileIO) -> Iterator[_ComparedMember]:
    """The members of an ar, and those of the tars in it."""
    file.seek(len(containers.MAGIC))
    codecs = {
        containers.CONTROL: "gzip",
        **{name: codec for codec, name in containers.DATA.items()},
    }
    while header := file.read(containers.HEADER):
        name, size, start = header[:16].decode().rstrip(), int(header[containers.SIZE]), file.tell()
        if name in codecs:
            for each in _tar_members(file, start, size, DEB_READERS[codecs[name]]):
                yield each._replace(name=f"{name}: {each.name}")
        fields = header[16 : containers.SIZE.start]  # the size goes with the content
        yield _ComparedMember(
            name, "" if name in codecs else _digest(FileRange(file, start, size)), fields
        )
        file.seek(start + size + len(containers.padding(size)))


def _tar_members(
    file: FileIO, start: int, size: int, reader: type[ChunkReader]
) -> Iterator[_ComparedMember]:
    stream = io.BufferedReader(reader(FileRange(file, start, size), 1 << 62))
    with stream, tarfile.open(fileobj=stream, mode="r|", encoding="utf-8") as archive:
        for info in archive:
            content = archive.extractfile(info) if info.isreg() else None
            yield _ComparedMember(info.name, _digest(content) if content else "", info.get_info())


def _digest(content: IO[bytes] | FileRange) -> str:
    digest = hashlib.sha256()
    while block := content.read(MIB):
        digest.update(block)
    return digest.hexdigest()
