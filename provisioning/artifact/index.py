"""Knows the index of an archive: where its chunks lie and what they hold, as canonical JSON."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import canonical, digest
from provisioning.artifact.release import CODECS
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    """The digest of a tar that is known in chunks: the SHA-256 of their digests, one a line.

    A digest of the tar as one stream would have a build decompress what it only copies, and have
    no two chunks checked at a time.
    """
    return digest.of_bytes(b"".join(b"%b\n" % chunk.tar_digest.encode() for chunk in chunks))


def dump(index: Index) -> bytes:
    """Spell an index."""
    head = index._asdict()
    chunks = head.pop("chunks")
    return canonical.dump(_FORM, head, (chunk._asdict() for chunk in chunks))


def parse(data: bytes, where: str) -> Index:
    """Read an index, and accept only what `dump` would spell, of chunks that make an archive.

    Raises ArtifactError, which begins with `where`.
    """
    head, rows = canonical.parse(data, _FORM, where)
    index = Index(**_checked(head, _HEAD, where), chunks=())
    chunks = tuple(Chunk(**_checked(row, _CHUNK, where)) for row in rows)
    if index.codec not in CODECS.values():
        raise ArtifactError(f"{where}: its codec is unknown; update the tool")
    _demand_sum([(chunk.offset, chunk.length) for chunk in chunks], index.size, where)
    _demand_sum([(chunk.tar_offset, chunk.tar_length) for chunk in chunks], index.tar_size, where)
    return index._replace(chunks=chunks)


def _checked(row: canonical.Row, types: dict[str, type], where: str) -> canonical.Row:
    if {key: type(value) for key, value in row.items()} != types:
        raise ArtifactError(f"{where}: does not hold exactly what an index holds")
    for key in types:
        if key.endswith("digest") and not _DIGEST.fullmatch(row[key]):
            raise ArtifactError(f"{where}: {key} is not a SHA-256 in hexadecimal")
    return row


def _demand_sum(parts: list[tuple[int, int]], total: int, where: str) -> None:
    lengths = [length for _, length in parts]
    ends = list(accumulate(lengths, initial=0))
    if min(lengths, default=0) < 1 or [*(offset for offset, _ in parts), total] != ends:
        raise ArtifactError(f"{where}: its chunks are not {total} bytes, one after the other")
