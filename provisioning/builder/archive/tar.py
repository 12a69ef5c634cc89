"""Knows how chunks, one after the other, become an archive, with an index of them beside it."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO

from provisioning.artifact import filesystem
from provisioning.artifact.model.release import index_name
from provisioning.artifact.tar import archive, chunking, ustar
from provisioning.artifact.tar.chunking import LEVEL_OF, LEVELS, Chunk, Index
from provisioning.builder.archive import members
from provisioning.builder.archive.compress import encoder_of, press
from provisioning.builder.archive.job import is_by_content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.builder.archive.compress import Pressed
    from provisioning.builder.archive.groups import Group
    from provisioning.builder.archive.job import Order
    from provisioning.builder.archive.members import Read, Run
    from provisioning.builder.workspace.output import Output
    from provisioning.spec.model.variant import Variant


def write(order: Order, made: Output) -> None:
    """Make NAME-VERSION-PLATFORM.tar.gz, or another tar of chunks, and its index."""
    path = order.place.artifact(order.format)
    splice = _Splice(made.file(path))
    codec = encoder_of(order.variant, order.format).codec
    largest = LEVELS[LEVEL_OF[codec]].max
    with closing(press(order.noted(planned(order)), order.store, largest)) as pressed:
        for each in pressed:
            splice.add(each)
            order.tally.count(each)
    indexed = splice.index(path.name, codec, order.manifest)
    made.digests[path] = indexed.digest
    made.file(path.with_name(index_name(path.name))).write(chunking.dump(indexed))


def planned(order: Order) -> Iterator[Run]:
    """The chunks of the archive, in order; no source is read yet."""
    encoder = encoder_of(order.variant, order.format)
    yield from members.plan(order.manifest, order.groups, _spelling(order.variant), encoder)
    yield members.whole_run(ustar.END, encoder)


def run(variant: Variant, format: str, group: Group, read: Read) -> Run:
    """The chunks that hold a group, whose small files are read by `read`."""
    return members.run(group, _spelling(variant), encoder_of(variant, format), read)


def _spelling(variant: Variant) -> archive.Posix:
    return archive.Posix(variant.name, by_content=is_by_content(variant))


class _Splice:
    """An archive in the making: chunks, one after the other, and the record of each."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._archive = hashlib.sha256()
        self._chunks: list[Chunk] = []
        self._size = self._tar_size = 0

    def add(self, pressed: Pressed) -> None:
        """Write one more chunk."""
        packed = pressed.packed
        self._file.write(packed.data)
        self._archive.update(packed.data)
        chunk = Chunk(
            offset=self._size,
            length=len(packed.data),
            tar_offset=self._tar_size,
            tar_length=pressed.tar_length,
            digest=packed.digest.hex(),
            tar_digest=packed.tar_digest.hex(),
        )
        self._size += chunk.length
        self._tar_size += chunk.tar_length
        self._chunks.append(chunk)

    def index(self, name: str, codec: str, manifest: bytes) -> Index:
        """The index of the archive `name`, which holds this manifest."""
        return Index(
            archive=name,
            size=self._size,
            digest=self._archive.hexdigest(),
            tar_size=self._tar_size,
            tar_digest=chunking.tar_digest(self._chunks),
            manifest_digest=filesystem.of_bytes(manifest),
            codec=codec,
            chunks=tuple(self._chunks),
        )
