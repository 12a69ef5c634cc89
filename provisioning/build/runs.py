"""Knows which chunks an archive will have, and by which keys, before any source is read.

A key stands for all that determines a chunk's bytes: what the manifest says of its members, from
which their headers are spelt, with the digests of their contents; how they are spelt; the encoder;
and _REVISION.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import archive, chunk, tar
from provisioning.artifact.path import MANIFEST
from provisioning.build import members
from provisioning.build.groups import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from provisioning.artifact.archive import Spelling
    from provisioning.build.encode import Encoder
    from provisioning.build.groups import Group
    from provisioning.build.listing import Collected
    from provisioning.build.members import Read

    Press = Callable[[bytes | bytearray], bytes | bytearray]

# Raised when the same members come to be spelt or cut in another way.
_REVISION = "3"


class Span(NamedTuple):
    """What a chunk holds, or holds a part of: members of the package that follow each other."""

    first: str
    last: str
    members: int


NO_MEMBER = Span("", "", 0)
PREAMBLE = Span(MANIFEST, MANIFEST, 1)


class Run(NamedTuple):
    """Chunks that are read together: one of many small members, or those of one large member."""

    chunks: tuple[tuple[str, int], ...]
    """The key of each, and how many bytes it holds."""
    read: Callable[[], Iterator[bytes | bytearray]]
    """Reads these bytes, chunk by chunk; the last comes only when all sources have proved to be
    what was collected."""
    press: Press
    """Makes of each what is written."""
    span: Span = NO_MEMBER


def plan(
    content: bytes, groups: Iterable[Group], spelling: Spelling, encoder: Encoder
) -> Iterator[Run]:
    """The runs of a tar with the manifest `content`, in order, but for its end."""
    heads = spelling.preamble(content)
    preamble = b"".join((heads, content, bytes(tar.padding(len(content)))))
    yield whole(preamble, encoder, PREAMBLE)
    for group in joined(groups, encoder.codec):
        yield run(group, spelling, encoder)


def whole(content: bytes, encoder: Encoder, span: Span = NO_MEMBER) -> Run:
    """One chunk, of bytes that are known."""
    named = key(encoder.name, "", content)
    return Run(((named, len(content)),), lambda: iter((content,)), encoder.press, span)


def span_of(members: Sequence[Collected]) -> Span:
    """What there is of members that follow each other."""
    if not members:
        return NO_MEMBER
    return Span(members[0].entry.path, members[-1].entry.path, len(members))


def run(group: Group, spelling: Spelling, encoder: Encoder, read: Read = members.whole) -> Run:
    """The chunks of a tar that hold a group, whose small files are read by `read`."""
    collected, length, lines = group
    span = span_of(collected)
    if not isinstance(spelling, archive.Posix):
        length = sum(spelling.length(each.entry) for each in collected)
    level = chunk.LEVEL_OF[encoder.codec]
    if len(collected) > 1 or length <= chunk.LEVELS[level].max:
        chunk_of_all = key(encoder.name, f"{spelling.key} from 0", lines), length
        read_all = partial(members.together, collected, spelling, read)
        return Run((chunk_of_all,), read_all, encoder.press, span)
    (large,) = collected
    pieces = list(chunk.pieces(length, level))
    sizes = [piece.stop - piece.start for piece in pieces]
    chunks = tuple(
        (key(encoder.name, f"{spelling.key} from {piece.start}", lines), size)
        for piece, size in zip(pieces, sizes, strict=True)
    )
    head = spelling.header(large.entry)
    return Run(chunks, partial(members.apart, large, head, sizes), encoder.press, span)


def key(*parts: str | bytes | memoryview) -> str:
    """The key of a chunk whose bytes depend on `parts`, of which only the last has line ends."""
    hashed = hashlib.sha256(_REVISION.encode())
    for part in parts:
        hashed.update(b"\n")
        hashed.update(part.encode() if isinstance(part, str) else part)
    return hashed.hexdigest()
