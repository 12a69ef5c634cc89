"""Knows the members of an archive as bytes, from sources that must still be what was collected."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import FILE, MANIFEST
from provisioning.artifact.tar import archive, chunking, ustar
from provisioning.builder.archive.groups import joined
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.tar.archive import Spelling
    from provisioning.builder.archive.compress import Encoder
    from provisioning.builder.archive.groups import Group
    from provisioning.builder.collect.collect import Collected

    Read = Callable[[Entry, str], bytes]
    Press = Callable[[bytes | bytearray], bytes | bytearray]


def whole(entry: Entry, source: str) -> bytes:
    """What `source` holds, if it still is what was collected as `entry`.

    Raises:
        BuildError: it is no longer that.
        OSError: it cannot be read.
    """
    descriptor = _open(source)
    try:
        # One byte more than there may be: whatever has grown shows. Less means the end: it is a
        # file, or what it holds is another.
        content = block = os.read(descriptor, entry.size + 1)
        while block and len(content) < entry.size:
            block = os.read(descriptor, entry.size + 1 - len(content))
            content += block
    except OSError as error:
        raise _named(error, source) from None
    finally:
        os.close(descriptor)
    # guard: member-changed
    if len(content) != entry.size or hashlib.sha256(content).hexdigest() != entry.digest:
        raise _changed(source)
    return content


def together(
    members: Iterable[Collected], spelling: Spelling, read: Read = whole
) -> Iterator[bytes]:
    """The bytes of tar of all of `members` as one piece; raises as `read` does."""
    parts = []
    for entry, source, _ in members:
        parts.append(spelling.header(entry))
        if entry.type == FILE:
            parts.append(read(entry, source))
            parts.append(bytes(ustar.padding(entry.size)))
    yield b"".join(parts)


def bare(members: Iterable[Collected], read: Read = whole) -> Iterator[bytes]:
    """What all of `members` hold, and where links lead, as one piece; raises as `read` does."""
    parts = []
    for entry, source, _ in members:
        parts.append(read(entry, source) if entry.type == FILE else entry.link.encode())
    yield b"".join(parts)


def content(member: Collected) -> Iterator[bytes]:
    """What the source of one file holds, in blocks; raises like `whole`."""
    entry, source, _ = member
    lengths = [piece.stop - piece.start for piece in chunking.pieces(entry.size)]
    if len(lengths) <= 1:
        return iter((whole(entry, source),))
    return map(bytes, apart(member, b"", lengths))


def apart(member: Collected, head: bytes, lengths: Sequence[int]) -> Iterator[bytearray]:
    """The bytes of one large member behind its `head`, in pieces of these lengths.

    The last piece comes only when the whole source has proved to be what was collected. Raises
    like `whole`.
    """
    entry, source, _ = member
    left = entry.size
    read = hashlib.sha256()
    descriptor = _open(source)
    try:
        for length in lengths:
            piece = bytearray(length)
            piece[: len(head)] = head
            content = memoryview(piece)[len(head) :][:left]
            _fill(content, descriptor, source)
            read.update(content)
            head, left = b"", left - len(content)
            # guard: piece-of-a-changed-member
            if not left and (os.read(descriptor, 1) or read.hexdigest() != entry.digest):
                raise _changed(source)
            yield piece
    except OSError as error:
        raise _named(error, source) from None
    finally:
        os.close(descriptor)


def _fill(room: memoryview, descriptor: int, source: str) -> None:
    while room:
        count = os.readv(descriptor, [room])
        if not count:
            raise _changed(source)
        room = room[count:]


def _changed(source: str) -> BuildError:
    return BuildError(f"{source}: changed while it was packaged; run doit again")


def _open(source: str) -> int:
    # Never through a link that took the file's place, never waiting for a FIFO that did.
    # guard: source-became-a-link
    return os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _named(error: OSError, source: str) -> OSError:
    """Without a name, "Is a directory" would not say which."""
    error.filename = source
    return error


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
    preamble = b"".join((heads, content, bytes(ustar.padding(len(content)))))
    yield whole_run(preamble, encoder, PREAMBLE)
    for group in joined(groups, encoder.codec):
        yield run(group, spelling, encoder)


def whole_run(content: bytes, encoder: Encoder, span: Span = NO_MEMBER) -> Run:
    """One chunk, of bytes that are known."""
    named = key(encoder.name, "", content)
    return Run(((named, len(content)),), lambda: iter((content,)), encoder.press, span)


def span_of(members: Sequence[Collected]) -> Span:
    """What there is of members that follow each other."""
    if not members:
        return NO_MEMBER
    return Span(members[0].entry.path, members[-1].entry.path, len(members))


def run(group: Group, spelling: Spelling, encoder: Encoder, read: Read = whole) -> Run:
    """The chunks of a tar that hold a group, whose small files are read by `read`."""
    collected, length, lines = group
    span = span_of(collected)
    if not isinstance(spelling, archive.Posix):
        length = sum(spelling.length(each.entry) for each in collected)
    level = chunking.LEVEL_OF[encoder.codec]
    if len(collected) > 1 or length <= chunking.LEVELS[level].max:
        chunk_of_all = key(encoder.name, f"{spelling.key} from 0", lines), length
        read_all = partial(together, collected, spelling, read)
        return Run((chunk_of_all,), read_all, encoder.press, span)
    (large,) = collected
    pieces = list(chunking.pieces(length, level))
    sizes = [piece.stop - piece.start for piece in pieces]
    chunks = tuple(
        (key(encoder.name, f"{spelling.key} from {piece.start}", lines), size)
        for piece, size in zip(pieces, sizes, strict=True)
    )
    head = spelling.header(large.entry)
    return Run(chunks, partial(apart, large, head, sizes), encoder.press, span)


def key(*parts: str | bytes | memoryview) -> str:
    """The key of a chunk whose bytes depend on `parts`, of which only the last has line ends."""
    hashed = hashlib.sha256(_REVISION.encode())
    for part in parts:
        hashed.update(b"\n")
        hashed.update(part.encode() if isinstance(part, str) else part)
    return hashed.hexdigest()
