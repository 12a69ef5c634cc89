"""Knows where the chunks of an archive lie that no index tells of.

Its manifest says how many bytes each chunk holds, and most chunks say so too, where they begin or
end. So what is found is nearly always right; whether it is, only reading the chunks can show.
"""

from __future__ import annotations

import os
from itertools import accumulate
from typing import TYPE_CHECKING

from provisioning.artifact import archive
from provisioning.artifact.codec import READERS
from provisioning.artifact.index import Chunk
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO

    from provisioning.artifact.contents import Reading

_BLOCK = 256 * 1024


def locate(file: FileIO, reading: Reading) -> tuple[Chunk, ...]:
    """The chunks of an archive whose manifest `reading` has read; digests are left out.

    Raises OSError, and ArtifactError where they are not found.
    """
    parsed = reading.manifest
    lengths = tuple(archive.chunks(reading.data, parsed.entries, parsed.package.name))
    ends = (*_starts(file, reading.codec, lengths), os.fstat(file.fileno()).st_size)
    places = zip(ends, ends[1:], accumulate(lengths, initial=0), lengths)
    return tuple(
        Chunk(start, end - start, tar_offset, length, "", "")
        for start, end, tar_offset, length in places
    )


def _starts(file: FileIO, codec: str, lengths: Sequence[int]) -> Iterator[int]:
    start = 0
    yield start
    for length, following in zip(lengths, lengths[1:]):
        end, begin = READERS[codec].joint(length, following)
        start = _find(file, end + begin, start + 1) + len(end)
        yield start


def _find(file: FileIO, wanted: bytes, start: int) -> int:
    while len(block := os.pread(file.fileno(), _BLOCK, start)) >= len(wanted):
        found = block.find(wanted)
        if found >= 0:
            return start + found
        start += len(block) - len(wanted) + 1
    raise ArtifactError("has chunks elsewhere than its manifest has them")
