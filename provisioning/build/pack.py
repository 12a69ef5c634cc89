"""Knows how collected entries become an archive, its manifest and its index."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, BinaryIO

from provisioning.artifact import archive, chunk, digest, index, manifest, tar
from provisioning.artifact.entry import FILE
from provisioning.artifact.index import Chunk, Index
from provisioning.artifact.manifest import Manifest
from provisioning.build import output
from provisioning.build.encode import gzip_member
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provisioning.build.collect import Collected
    from provisioning.build.digests import Digests
    from provisioning.build.workspace import Workspace

_BLOCK = 1 << 20


def pack(place: Workspace, collected: Sequence[Collected], digests: Digests) -> None:
    """Make the archive of `collected`, its manifest and its index, all whole or none at all.

    SHA256SUMS follows in a stage of its own; until then it does not agree, which verify tells.

    Raises:
        BuildError: a source is no longer what was collected.
        OSError: a file cannot be read or written.
    """
    entries = tuple(each.entry for each in collected)
    content = manifest.dump(Manifest(place.package, entries))
    manifest.parse(content, str(place.manifest))  # what no reader would take must not be written
    output.sweep(place.release)
    with output.replacing(place.archive, place.manifest, place.index) as (packed, listed, indexed):
        splice = _Splice(packed)
        for piece in _tar(place.package.name, content, collected, digests):
            splice.add(piece)
        listed.write(content)
        indexed.write(index.dump(splice.index(place.archive.name, content)))


def _tar(
    name: str, content: bytes, collected: Sequence[Collected], digests: Digests
) -> Iterator[bytes]:
    """The tar of a package, in the pieces that become chunks (see artifact/chunk.py)."""
    heads = b"".join(tar.header(member) for member in archive.preamble(content, name))
    yield heads + content + bytes(tar.padding(len(content)))
    headers = [tar.header(archive.member(each.entry, name)) for each in collected]
    lengths = [len(header) + _padded(each) for header, each in zip(headers, collected, strict=True)]
    paths = (each.entry.path for each in collected)
    for group in chunk.boundaries(zip(paths, lengths, strict=True)):
        members = zip(headers[group], collected[group], strict=True)
        yield from _cut(_blocks(members, digests), sum(lengths[group]))
    yield tar.END


def _padded(each: Collected) -> int:
    return each.entry.size + tar.padding(each.entry.size)


def _cut(blocks: Iterator[bytes], length: int) -> Iterator[bytes]:
    """`blocks`, of `length` bytes together, as pieces: several only for a very large file."""
    held = bytearray()
    for piece in chunk.pieces(length):
        wanted = piece.stop - piece.start
        while len(held) < wanted:
            held += next(blocks)
        yield bytes(held[:wanted])
        del held[:wanted]
    next(blocks, None)  # nothing is left, but the last file is judged after its last block


def _blocks(members: Iterable[tuple[bytes, Collected]], digests: Digests) -> Iterator[bytes]:
    for header, each in members:
        yield header
        if each.entry.type == FILE:
            yield from _content(each, digests)
            if padding := tar.padding(each.entry.size):
                yield bytes(padding)


def _content(each: Collected, digests: Digests) -> Iterator[bytes]:
    """The bytes of a source, which must still be those that were collected."""
    read, size = hashlib.sha256(), 0
    descriptor = os.open(each.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as file:
        while (block := file.read(_BLOCK)) and size + len(block) <= each.entry.size:
            read.update(block)
            size += len(block)
            yield block
    if block or (size, read.hexdigest()) != (each.entry.size, each.entry.digest):
        # Should what is remembered be wrong, and not the file: the next build must read.
        digests.forget()
        raise BuildError(f"{each.source}: changed while it was packaged; run doit again")


class _Splice:
    """An archive in the making: chunks, one after the other, and the record of each."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._archive = hashlib.sha256()
        self._chunks: list[Chunk] = []
        self._size = self._tar_size = 0

    def add(self, piece: bytes) -> None:
        """Compress `piece` on its own and write it."""
        compressed = gzip_member(piece)
        self._file.write(compressed)
        self._archive.update(compressed)
        self._chunks.append(
            Chunk(
                offset=self._size,
                length=len(compressed),
                tar_offset=self._tar_size,
                tar_length=len(piece),
                digest=digest.of_bytes(compressed),
                tar_digest=digest.of_bytes(piece),
            )
        )
        self._size += len(compressed)
        self._tar_size += len(piece)

    def index(self, name: str, manifest_content: bytes) -> Index:
        """The index of the archive `name`, which holds this manifest."""
        return Index(
            archive=name,
            size=self._size,
            digest=self._archive.hexdigest(),
            tar_size=self._tar_size,
            tar_digest=index.tar_digest(self._chunks),
            manifest_digest=digest.of_bytes(manifest_content),
            codec="gzip",
            chunks=tuple(self._chunks),
        )
