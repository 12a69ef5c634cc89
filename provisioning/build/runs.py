"""Knows which chunks an archive will have, and by which keys, before any source is read.

A key stands for all that determines a chunk's bytes: what the manifest says of its members, from
which their headers are spelt, with the digests of their contents; the package's name, with which
all their names begin; the encoder; and _REVISION.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import archive, canonical, chunk, manifest, tar
from provisioning.build import members
from provisioning.build.encode import ENCODER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from provisioning.artifact.manifest import Package
    from provisioning.build.collect import Collected

# Raised when the same members come to be spelt or cut in another way.
_REVISION = "1"


class Run(NamedTuple):
    """Chunks that are read together: one of many small members, or those of one large member."""

    chunks: tuple[tuple[str, int], ...]
    """The key of each, and how many bytes of tar it holds."""
    read: Callable[[], Iterator[bytes | bytearray]]
    """Reads these bytes, chunk by chunk; the last comes only when all sources have proved to be
    what was collected."""


def plan(package: Package, collected: Sequence[Collected]) -> tuple[memoryview, list[Run]]:
    """The manifest of an archive of `collected`, and its chunks in order.

    Raises:
        ArtifactError: no reader would take such a manifest.
    """
    name = package.name
    lengths = [tar.length(archive.member(each.entry, name)) for each in collected]
    paths = (each.entry.path for each in collected)
    runs, lines = [], []
    for group in chunk.boundaries(zip(paths, lengths, strict=True)):
        lines.append(manifest.lines(each.entry for each in collected[group]))
        runs.append(_run(name, collected[group], sum(lengths[group]), lines[-1]))
    content = _manifest(package, lines)
    del lines  # as large as the manifest
    preamble, start = _preamble(name, content)
    whole = [_whole(preamble), *runs, _whole(tar.END)]
    return memoryview(preamble)[start : start + len(content)], whole


def _run(name: str, group: Sequence[Collected], length: int, lines: bytes) -> Run:
    pieces = [(piece.start, piece.stop - piece.start) for piece in chunk.pieces(length)]
    chunks = tuple((_key(f"{name} from {start}", lines), size) for start, size in pieces)
    if len(chunks) == 1:
        return Run(chunks, lambda: members.together(group, name))
    return Run(chunks, lambda: members.apart(group[0], name, [size for _, size in pieces]))


def _manifest(package: Package, lines: Sequence[bytes]) -> bytes:
    content = manifest.join(package, lines)
    # What no reader would take must not be written. That the entries are sound, the layout knows.
    whole = content if len(content) > canonical.LIMIT else manifest.join(package, ())
    manifest.parse(whole, archive.MANIFEST)
    return content


def _preamble(name: str, content: bytes) -> tuple[bytes, int]:
    """What precedes the members in the tar, and where in it the manifest `content` begins."""
    heads = b"".join(tar.header(member) for member in archive.preamble(content, name))
    return b"".join((heads, content, bytes(tar.padding(len(content))))), len(heads)


def _whole(content: bytes) -> Run:
    return Run(((_key("", content), len(content)),), lambda: iter((content,)))


def _key(what: str, content: bytes) -> str:
    key = hashlib.sha256("\n".join((_REVISION, ENCODER, what, "")).encode())
    key.update(content)
    return key.hexdigest()
