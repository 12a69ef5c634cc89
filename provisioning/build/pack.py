"""Knows how collected entries become an archive, its manifest and its index."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from provisioning.artifact import digest, index
from provisioning.artifact.index import Chunk, Index
from provisioning.build import output, runs
from provisioning.build.press import press
from provisioning.build.store import Store, limit
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.build.collect import Collected
    from provisioning.build.digests import Digests
    from provisioning.build.press import Pressed
    from provisioning.build.workspace import Workspace


class Cost(NamedTuple):
    """What packing took. The archive is `bytes_out` + `bytes_reused` long."""

    chunks_reused: int
    chunks_rebuilt: int
    bytes_in: int  # of tar that was read and compressed
    bytes_out: int  # of what that came to
    bytes_reused: int  # of chunks that came compressed from the store


def pack(place: Workspace, collected: Sequence[Collected], digests: Digests) -> Cost:
    """Make the archive of `collected`, its manifest and its index, all whole or none at all.

    SHA256SUMS follows in a stage of its own; until then it does not agree, which verify tells.

    Raises:
        BuildError: a source is no longer what was collected.
        OSError: a file cannot be read or written.
    """
    content, planned = runs.plan(place.package, collected)
    output.sweep(place.release)
    store = Store(place.chunks)
    with output.replacing(place.archive, place.manifest, place.index) as (packed, listed, indexed):
        splice = _Splice(packed)
        try:
            with closing(press(planned, store)) as pressed:
                for each in pressed:
                    splice.add(each)
        except BuildError:
            # Should what is remembered be wrong, and not the file: the next build must read.
            digests.forget()
            raise
        listed.write(content)
        indexed.write(index.dump(splice.index(place.archive.name, content)))
    if splice.cost.chunks_rebuilt:
        store.sweep(limit(place.release.parent), splice.keys)
    return splice.cost


class _Splice:
    """An archive in the making: chunks, one after the other, and the record of each."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._archive = hashlib.sha256()
        self._chunks: list[Chunk] = []
        self._size = self._tar_size = 0
        self._fresh: list[Chunk] = []
        self.keys: set[str] = set()

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
        self.keys.add(pressed.key)
        if not pressed.reused:
            self._fresh.append(chunk)

    @property
    def cost(self) -> Cost:
        """What it has taken so far."""
        written = sum(chunk.length for chunk in self._fresh)
        return Cost(
            chunks_reused=len(self._chunks) - len(self._fresh),
            chunks_rebuilt=len(self._fresh),
            bytes_in=sum(chunk.tar_length for chunk in self._fresh),
            bytes_out=written,
            bytes_reused=self._size - written,
        )

    def index(self, name: str, manifest_content: memoryview) -> Index:
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
