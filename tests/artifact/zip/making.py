"""Makes zips by hand, from the fields of APPNOTE 6.3, so that each can be made wrong."""

from __future__ import annotations

import struct
import zlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.model.entry import DIR, FILE, LINK, MANIFEST
from provisioning.artifact.model.release import manifest_name
from provisioning.artifact.model.sums import SUMS
from tests.artifact.making import (
    ITEMS,
    PACKAGE,
    Item,
    directory,
    file,
    manifest_of,
    write_sums,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

NAME = "greenhouse-1.4.2-raspberry-pi.zip"
TOP = f"{PACKAGE.name}/"
KINDS = {FILE: 0o100000, DIR: 0o040000, LINK: 0o120000}
DATE = 20 << 9 | 1 << 5 | 1  # 2000-01-01

_COMMON = ("version", "flags", "method", "time", "date", "crc", "kept", "size")
_COMMON_FORM, _LENGTHS_FORM, _REST_FORM = "<5H3L", "<2H", "<3H2L"

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Part(NamedTuple):
    """A member: what both headers say of it, and where one of them says something else."""

    name: bytes
    data: bytes  # as it lies in the zip
    fields: dict[str, int]
    attributes: int
    extra: bytes = b""
    local: Mapping[str, Any] = _NOTHING
    central: Mapping[str, Any] = _NOTHING


def part(name: str | bytes, content: bytes = b"", mode: int = 0o100644, **fields: int) -> Part:
    """A member as it should be, but for these `fields` of both headers."""
    deflated = deflate(content)
    shrinks = len(deflated) < len(content) and mode >> 12 == 0o10
    data = deflated if shrinks else content
    dos = 0x10 if mode >> 12 == 0o4 else 0
    said = {
        "version": 20,
        "flags": 1 << 11,
        "method": 8 * shrinks,
        "time": 0,
        "date": DATE,
        "crc": zlib.crc32(content),
        "kept": len(data),
        "size": len(content),
    }
    spelt = name if isinstance(name, bytes) else name.encode()
    return Part(spelt, data, {**said, **fields}, mode << 16 | dos)


def part_of(item: Item) -> Part:
    """The member that stands for an item."""
    entry, content = item
    name = f"{TOP}{entry.path}{'/' * (entry.type == DIR)}"
    held = entry.link.encode() if entry.type == LINK else content
    made = part(name, held, KINDS[entry.type] | entry.mode)
    if not entry.owner.isdigit():
        return made
    owners = struct.pack("<2H2BLBL", 0x7875, 11, 1, 4, int(entry.owner), 4, int(entry.group))
    return made._replace(extra=owners)


def parts(items: Iterable[Item] = ITEMS, data: bytes | None = None) -> list[Part]:
    """The members of a package; `data` is its manifest, if that is another one's."""
    items = tuple(items)
    data = manifest_of(items) if data is None else data
    top = part(TOP, b"", 0o040755)
    return [top, *map(part_of, (directory(".provisioning"), file(MANIFEST, data), *items))]


def deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def local(one: Part) -> bytes:
    said = {**one.fields, "name": one.name, "extra": one.extra, **one.local}
    lengths = struct.pack(_LENGTHS_FORM, len(said["name"]), len(said["extra"]))
    common = struct.pack(_COMMON_FORM, *(said[field] for field in _COMMON))
    return b"PK\3\4" + common + lengths + said["name"] + said["extra"]


def central(one: Part, offset: int) -> bytes:
    said = {
        "made_by": 3 << 8 | 45,
        "comment": b"",
        "disk": 0,
        "internal": 0,
        "attributes": one.attributes,
        "offset": offset,
        **one.fields,
        "name": one.name,
        "extra": one.extra,
        **one.central,
    }
    head = struct.pack("<H", said["made_by"])
    head += struct.pack(_COMMON_FORM, *(said[field] for field in _COMMON))
    head += struct.pack(_LENGTHS_FORM, len(said["name"]), len(said["extra"]))
    rest = said["disk"], said["internal"], said["attributes"], said["offset"]
    head += struct.pack(_REST_FORM, len(said["comment"]), *rest)
    return b"PK\1\2" + head + said["name"] + said["extra"] + said["comment"]


def end(count: int, size: int, offset: int, comment: bytes = b"") -> bytes:
    return (
        struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, offset, len(comment)) + comment
    )


def directory_of(members: Sequence[Part], offsets: Sequence[int] | None = None) -> bytes:
    """The central directory of members that follow each other, or lie elsewhere."""
    found, at = [], 0
    for one in members:
        found.append(at)
        at += len(local(one)) + len(one.data)
    return b"".join(map(central, members, offsets or found))


def members_of(members: Sequence[Part]) -> bytes:
    return b"".join(local(one) + one.data for one in members)


def zipped(members: Sequence[Part], listed: Sequence[Part] | None = None) -> bytes:
    """A zip of members; `listed` are those of its central directory, if that is another one's."""
    body = members_of(members)
    listed = members if listed is None else listed
    central_directory = directory_of(listed)
    return body + central_directory + end(len(listed), len(central_directory), len(body))


def write_release(folder: Path, items: Iterable[Item] = ITEMS) -> Path:
    """Write a zip with its sidecars, and return its path."""
    items = tuple(items)
    folder.mkdir(exist_ok=True)
    path = folder / NAME
    path.write_bytes(zipped(parts(items)))
    (folder / manifest_name(PACKAGE)).write_bytes(manifest_of(items))
    write_sums(folder)
    assert (folder / SUMS).exists()
    return path
