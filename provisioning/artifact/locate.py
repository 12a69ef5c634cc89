"""Knows where the chunks of an archive lie that no index tells of.

Its manifest says how many bytes each chunk holds, and most chunks say so too, where they begin or
end. So what is found is nearly always right; whether it is, only reading the chunks can show.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provisioning.artifact import archive
from provisioning.artifact.codec import READERS
from provisioning.artifact.index import Chunk
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

    from provisioning.artifact.contents import Reading

_BLOCK = 256 * 1024


def locate(file: FileIO, reading: Reading) -> tuple[Chunk, ...]:
    """The chunks of an archive whose manifest `reading` has read; digests are left out.

    Raises OSError, and ArtifactError where they are not found.
    """
    parsed = reading.manifest
    # One after the other: a manifest may claim more chunks than any memory holds.
    lengths = archive.chunks(reading.data, parsed.entries, parsed.package.name, reading.codec)
    return tuple(_chunks(file, reading.codec, lengths))


def _chunks(file: FileIO, codec: str, lengths: Iterator[int]) -> Iterator[Chunk]:
    start = tar_offset = 0
    length = next(lengths)
    for following in lengths:
        end, begin = READERS[codec].joint(length, following)
        stop = _find(file, end + begin, start + 1) + len(end)
        yield Chunk(start, stop - start, tar_offset, length, "", "")
        start, tar_offset, length = stop, tar_offset + length, following
    yield Chunk(start, os.fstat(file.fileno()).st_size - start, tar_offset, length, "", "")


def _find(file: FileIO, wanted: bytes, start: int) -> int:
    while len(block := os.pread(file.fileno(), _BLOCK, start)) >= len(wanted):
        found = block.find(wanted)
        if found >= 0:
            return start + found
        start += len(block) - len(wanted) + 1
    raise ArtifactError("has chunks elsewhere than its manifest has them")
