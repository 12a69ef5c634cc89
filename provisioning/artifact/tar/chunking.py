"""Where an archive is cut into chunks, and the index that lists them.

The first chunk is the preamble with the manifest, the last one is END; in between the entries are
grouped by `boundaries`, which depend on paths and sizes nearby. So whatever changes with every
version lies in a chunk of its own, and every other chunk depends on the members in it alone. A
codec that looks back further than gzip has several groups in a chunk, chosen by the same rule: see
`joined`.
"""

from __future__ import annotations

import hashlib
import re
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.model import canonical
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provisioning.artifact.model.package import Package

KIB = 1024
MIB = 1024 * KIB


class Sizes(NamedTuple):
    """The bytes of tar in a chunk: at least, on average, and at most."""

    min: int
    target: int
    max: int


LEVELS = (
    Sizes(256 * KIB, 1 * MIB, 4 * MIB),
    Sizes(2 * MIB, 4 * MIB, 8 * MIB),
    Sizes(8 * MIB, 12 * MIB, 16 * MIB),
)
"""From level to level, chunks are made of whole ones of the level before."""
LEVEL_OF = {"gzip": 0, "zstd": 1, "xz": 2}
"""The codecs that an archive with chunks may have, each with the level of its chunks."""
MIN, TARGET, MAX = LEVELS[0]


def boundaries(members: Iterable[tuple[str, int]], level: int = 0) -> Iterator[slice]:
    """Group the entries of an archive, given as (path, bytes of tar) in order.

    Each slice selects the members of one group: at least MIN (but for the last group, or before
    a member that would not fit) and at most MAX, unless one member alone is larger: that one is
    to be cut by `pieces`. At another level than the first, groups are grouped, and bear the path of
    their last member.
    """
    start = stop = size = 0
    least, _, most = LEVELS[level]
    for path, length in members:
        if size and size + length > most:
            yield slice(start, stop)
            start, size = stop, 0
        stop += 1
        size += length
        if size >= least and _ends(path, length, level):
            yield slice(start, stop)
            start, size = stop, 0
    if start < stop:
        yield slice(start, stop)


def joined(groups: Sequence[tuple[str, int]], level: int) -> list[slice]:
    """Which groups share a chunk at a level, each given as (its last path, bytes of tar)."""
    cut = [slice(number, number + 1) for number in range(len(groups))]
    ends = list(accumulate((length for _, length in groups), initial=0))
    for each in range(1, level + 1):
        told = [(groups[some.stop - 1][0], ends[some.stop] - ends[some.start]) for some in cut]
        cut = [slice(cut[s.start].start, cut[s.stop - 1].stop) for s in boundaries(told, each)]
    return cut


def pieces(length: int, level: int = 0) -> Iterator[slice]:
    """Cut `length` bytes of tar, of one group, into chunks of at most MAX, or that of a level."""
    most = LEVELS[level].max
    for start in range(0, length, most):  # guard: largest-chunk
        yield slice(start, min(start + most, length))


def _ends(path: str, length: int, level: int) -> bool:
    # The chance is proportional to the length, so that groups have one mean size whatever the
    # files' sizes are, and it looks at no neighbour, so that an edit moves no other boundary.
    # A group grows to MIN unasked: the mean of the rest makes up TARGET. Each level has dice of its
    # own: where a group ends, those of the level before have fallen so.
    least, target, _ = LEVELS[level]
    dice = hashlib.sha256(path.encode()).digest()[8 * level : 8 * level + 8]
    return int.from_bytes(dice, "big") * (target - least) < length << 64


_FORM = canonical.Form("doit-provisioning/index/1", "chunks")
_HEAD = {
    **dict.fromkeys(("archive", "digest", "tar_digest", "manifest_digest", "codec"), str),
    **dict.fromkeys(("size", "tar_size"), int),
}
_CHUNK = {
    **dict.fromkeys(("offset", "length", "tar_offset", "tar_length"), int),
    **dict.fromkeys(("digest", "tar_digest"), str),
}
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Chunk(NamedTuple):
    """One gzip member, zstd frame or xz stream of an archive. Offsets and lengths are in bytes."""

    offset: int  # in the archive
    length: int
    tar_offset: int  # in the tar, uncompressed
    tar_length: int
    digest: str  # SHA-256 of the compressed bytes
    tar_digest: str  # SHA-256 of the uncompressed bytes


class Index(NamedTuple):
    """An archive and its chunks, one after the other. Sizes are in bytes, digests are SHA-256."""

    archive: str  # the file's name
    size: int
    digest: str
    tar_size: int
    tar_digest: str  # as `tar_digest` makes it
    manifest_digest: str  # of the manifest's bytes
    codec: str  # one of READERS
    chunks: tuple[Chunk, ...]


def tar_digest(chunks: Iterable[Chunk]) -> str:
    """The digest of a tar in chunks: the SHA-256 of their digests, one a line.

    A digest of the tar as one stream would have a build decompress what it only copies, and have
    no two chunks checked at a time.
    """
    return filesystem.of_bytes(b"".join(b"%b\n" % chunk.tar_digest.encode() for chunk in chunks))


def dump(index: Index) -> bytes:
    """Encode an index."""
    head = index._asdict()
    chunks = head.pop("chunks")
    return canonical.dump(_FORM, head, (chunk._asdict() for chunk in chunks))


def parse(data: bytes, where: str) -> Index:
    """Read an index, and accept only what `dump` would encode, of adjacent chunks.

    Raises ArtifactError, with `where`.
    """
    head, rows = canonical.parse(data, _FORM, where)
    index = Index(**_checked(head, _HEAD, where), chunks=())
    chunks = tuple(Chunk(**_checked(row, _CHUNK, where)) for row in rows)
    if index.codec not in LEVEL_OF:
        raise ArtifactError(f"{where}: its codec is unknown; update the tool")
    _demand_sum([(chunk.offset, chunk.length) for chunk in chunks], index.size, where)
    _demand_sum([(chunk.tar_offset, chunk.tar_length) for chunk in chunks], index.tar_size, where)
    return index._replace(chunks=chunks)


def _checked(row: canonical.Row, types: dict[str, type], where: str) -> canonical.Row:
    if {key: type(value) for key, value in row.items()} != types:
        raise ArtifactError(f"{where}: does not have exactly the fields of an index")
    for key in types:
        if key.endswith("digest") and not _DIGEST.fullmatch(row[key]):
            raise ArtifactError(f"{where}: {key} is not a SHA-256 in hexadecimal")
    return row


def _demand_sum(parts: list[tuple[int, int]], total: int, where: str) -> None:
    lengths = [length for _, length in parts]
    ends = list(accumulate(lengths, initial=0))
    if min(lengths, default=0) < 1 or [*(offset for offset, _ in parts), total] != ends:
        raise ArtifactError(f"{where}: its chunks are not {total} bytes, one after the other")


class Summary(NamedTuple):
    """What an artifact turned out to be, to compare with the files beside it."""

    manifest: bytes
    package: Package
    digest: str  # of the file; of a directory, its manifest's
    indexed: Index | None  # of chunks alone
