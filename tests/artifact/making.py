"""Makes archives by hand: from what `header` spells, so that each part can be made wrong."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.codec import HEADER, READERS
from provisioning.artifact.filesystem import open_regular
from provisioning.artifact.model import manifest
from provisioning.artifact.model.entry import DIR, FILE, LINK, Entry
from provisioning.artifact.model.manifest import Manifest, Package
from provisioning.artifact.model.release import index_name, manifest_name
from provisioning.artifact.model.sums import SUMS
from provisioning.artifact.tar import archive, chunking
from provisioning.artifact.tar.chunking import Chunk, Index
from provisioning.artifact.tar.reader import TarReader, prove

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from provisioning.artifact.contents import Write

PACKAGE = Package(
    name="greenhouse",
    version="1.4.2",
    platform="raspberry-pi",
    os="linux",
    arch="arm64",
    prefix="/opt/greenhouse",
    summary="Greenhouse controller",
    license="MIT",
    maintainer="Greenhouse team <team@example.org>",
)
NAME = "greenhouse-1.4.2-raspberry-pi.tar.gz"


class Item(NamedTuple):
    """An entry with the content that it stands for."""

    entry: Entry
    content: bytes = b""


def file(path: str, content: bytes = b"", mode: int = 0o644, owner: str = "root") -> Item:
    sha256 = hashlib.sha256(content).hexdigest()
    return Item(Entry(path, FILE, mode, owner, owner, len(content), sha256), content)


def directory(path: str, mode: int = 0o755, owner: str = "root") -> Item:
    return Item(Entry(path, DIR, mode, owner, "root"))


def link(path: str, target: str) -> Item:
    return Item(Entry(path, LINK, 0o777, "root", "root", link=target))


ITEMS = (
    directory("bin"),
    link("bin/greenhouse", "../lib/main.py"),
    directory("etc"),
    file("etc/greenhouse.toml", b"port = 8080\n", mode=0o640),
    directory("lib"),
    file("lib/main.py", b"print('Hello')\n" * 50, mode=0o755),
    file("lib/öl.txt", b""),
)


def manifest_of(items: Iterable[Item]) -> bytes:
    entries = sorted(item.entry for item in items)
    return manifest.dump(Manifest(PACKAGE, tuple(entries)))


def member(item: Item, name: str = PACKAGE.name) -> bytes:
    entry, content = item
    spelling = archive.header(archive.member(entry, name))
    return spelling + content + bytes(archive.padding(len(content)))


def preamble(data: bytes, name: str = PACKAGE.name) -> bytes:
    headers = b"".join(map(archive.header, archive.preamble(data, name)))
    return headers + data + bytes(archive.padding(len(data)))


def gzip(data: bytes) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    deflated = compressor.compress(data) + compressor.flush()
    return HEADER + deflated + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def chunks(
    items: Iterable[Item] = ITEMS, data: bytes | None = None, group: int = 1000
) -> list[bytes]:
    """The chunks of an archive, uncompressed; `data` is the manifest's, if it is another one's."""
    items = tuple(items)
    data = manifest_of(items) if data is None else data
    groups = (items[at : at + group] for at in range(0, len(items), group))
    return [preamble(data), *(b"".join(map(member, some)) for some in groups), archive.END]


def packed(parts: Iterable[bytes]) -> bytes:
    return b"".join(map(gzip, filter(None, parts)))


def index_of(name: str, parts: Iterable[bytes], data: bytes) -> Index:
    parts = [part for part in parts if part]
    made, offset, tar_offset = [], 0, 0
    for part in parts:
        one = gzip(part)
        digests = filesystem.of_bytes(one), filesystem.of_bytes(part)
        made.append(Chunk(offset, len(one), tar_offset, len(part), *digests))
        offset += len(one)
        tar_offset += len(part)
    whole, data_digest = filesystem.of_bytes(packed(parts)), filesystem.of_bytes(data)
    tar_digest = chunking.tar_digest(made)
    return Index(name, offset, whole, tar_offset, tar_digest, data_digest, "gzip", tuple(made))


def index_in(data: bytes, limit: int = 1 << 20, codec: str = "gzip") -> Index:
    """The index that an archive has, whatever it holds. Raises ArtifactError if it is none."""
    found = list[Chunk]()
    READERS[codec](io.BytesIO(data), limit, found.append).readall()  # type: ignore[arg-type]
    last = found[-1]
    sha, size = filesystem.of_bytes(data), last.tar_offset + last.tar_length
    return Index(NAME, len(data), sha, size, chunking.tar_digest(found), sha, codec, tuple(found))


def proved(path: Path, says: Index, write: Write | None = None) -> Index | None:
    """What `prove` makes of an archive and of what is said to be its index."""
    with open_regular(path) as file:
        whole = prove(file, TarReader(file), says, write)
        return whole and whole.indexed


def write_release(folder: Path, items: Iterable[Item] = ITEMS, group: int = 1000) -> Path:
    """Write an archive with its sidecars, and return its path."""
    items = tuple(items)
    data, parts = manifest_of(items), chunks(items, group=group)
    folder.mkdir(exist_ok=True)
    path = folder / NAME
    path.write_bytes(packed(parts))
    (folder / manifest_name(PACKAGE)).write_bytes(data)
    (folder / index_name(NAME)).write_bytes(chunking.dump(index_of(NAME, parts, data)))
    write_sums(folder)
    return path


def write_sums(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    lines = (f"{filesystem.of_file(folder / name)}  {name}\n" for name in names)
    (folder / SUMS).write_text("".join(lines))
