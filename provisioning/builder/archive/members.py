"""Members of an archive as bytes: read from their sources, and planned as runs of chunks.

Every read is checked: a source must still be what was collected, byte for byte.
"""

from __future__ import annotations

import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import FILE, MANIFEST
from provisioning.artifact.tar import archive, chunking
from provisioning.builder.archive.groups import joined
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.tar.archive import Spelling
    from provisioning.builder.archive.encoders import Compress, Encoder
    from provisioning.builder.archive.groups import Group
    from provisioning.builder.collect.collect import Collected

    Read = Callable[[Entry, str], bytes]

# Raise it when the same members are encoded or cut in another way.
_REVISION = "3"


class MemberRange(NamedTuple):
    """Members of the package that follow each other, and share a chunk."""

    first: str
    last: str
    members: int


NO_MEMBER = MemberRange("", "", 0)
PREAMBLE = MemberRange(MANIFEST, MANIFEST, 1)


class ChunkRun(NamedTuple):
    """Chunks that are read together: one of many small members, or those of one large member."""

    chunks: tuple[tuple[str, int], ...]
    """The key of each, and how many bytes it holds."""
    read: Callable[[], Iterator[bytes | bytearray]]
    """Reads these bytes, chunk by chunk; yields the last only when all sources have proved to be
    what was collected."""
    compress: Compress
    """Turns each into what is written."""
    members: MemberRange = NO_MEMBER


def plan_tar(
    manifest: bytes, groups: Iterable[Group], spelling: Spelling, encoder: Encoder
) -> Iterator[ChunkRun]:
    """The runs of a tar with this manifest, in order, but for its end."""
    padding = bytes(archive.padding(len(manifest)))
    preamble = b"".join((spelling.preamble(manifest), manifest, padding))
    yield run_of_bytes(preamble, encoder, PREAMBLE)
    for group in joined(groups, encoder.codec):
        yield plan_group(group, spelling, encoder)


def plan_group(
    group: Group, spelling: Spelling, encoder: Encoder, read: Read | None = None
) -> ChunkRun:
    """The chunks of a tar that hold a group, whose small files `read` reads."""
    collected, length, lines = group
    named = member_range(collected)
    if not isinstance(spelling, archive.Posix):
        length = sum(spelling.length(each.entry) for each in collected)
    level = chunking.LEVEL_OF[encoder.codec]
    if len(collected) > 1 or length <= chunking.LEVELS[level].max:
        key = chunk_key(encoder.name, f"{spelling.key} from 0", lines)
        read_all = partial(tar_of, collected, spelling, read or read_verified)
        return ChunkRun(((key, length),), read_all, encoder.compress, named)
    (large,) = collected
    pieces = list(chunking.pieces(length, level))
    sizes = [piece.stop - piece.start for piece in pieces]
    chunks = tuple(
        (chunk_key(encoder.name, f"{spelling.key} from {piece.start}", lines), size)
        for piece, size in zip(pieces, sizes, strict=True)
    )
    read_each = partial(read_pieces, large, spelling.header(large.entry), sizes)
    return ChunkRun(chunks, read_each, encoder.compress, named)


def run_of_bytes(content: bytes, encoder: Encoder, members: MemberRange = NO_MEMBER) -> ChunkRun:
    """One chunk of bytes that are known."""
    key = chunk_key(encoder.name, "", content)
    return ChunkRun(((key, len(content)),), lambda: iter((content,)), encoder.compress, members)


def member_range(members: Sequence[Collected]) -> MemberRange:
    """The range of members that follow each other."""
    if not members:
        return NO_MEMBER
    return MemberRange(members[0].entry.path, members[-1].entry.path, len(members))


def chunk_key(*parts: str | bytes | memoryview) -> str:
    """The key of a chunk whose bytes depend on `parts`, of which only the last has line ends."""
    hashed = hashlib.sha256(_REVISION.encode())
    for part in parts:
        hashed.update(b"\n")
        hashed.update(part.encode() if isinstance(part, str) else part)
    return hashed.hexdigest()


def tar_of(members: Iterable[Collected], spelling: Spelling, read: Read) -> Iterator[bytes]:
    """The bytes of tar of all of `members` as one piece; raises as `read` does."""
    parts = []
    for entry, source, *_ in members:
        parts.append(spelling.header(entry))
        if entry.type == FILE:
            parts.append(read(entry, source))
            parts.append(bytes(archive.padding(entry.size)))
    yield b"".join(parts)


def contents_of(members: Iterable[Collected], read: Read) -> Iterator[bytes]:
    """The contents of `members`, and where links lead, as one piece; raises as `read` does."""
    parts = []
    for entry, source, *_ in members:
        parts.append(read(entry, source) if entry.type == FILE else entry.link.encode())
    yield b"".join(parts)


def blocks_of(member: Collected) -> Iterator[bytes]:
    """The content of one file, in blocks; raises like `read_verified`."""
    entry, source, *_ = member
    lengths = [piece.stop - piece.start for piece in chunking.pieces(entry.size)]
    if len(lengths) <= 1:
        return iter((read_verified(entry, source),))
    return map(bytes, read_pieces(member, b"", lengths))


def read_verified(entry: Entry, source: str) -> bytes:
    """Read the file `source`, which must still be what was collected as `entry`.

    Raises:
        BuildError: it has changed.
        OSError: it cannot be read.
    """
    descriptor = _open(source)
    try:
        # One byte more than there should be, so that growth shows. Fewer bytes mean the end of the
        # file, or that its content has changed.
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


def read_pieces(member: Collected, head: bytes, lengths: Sequence[int]) -> Iterator[bytearray]:
    """The bytes of one large member behind its `head`, in pieces of these lengths.

    The last piece comes only when the source as a whole has proved to be what was collected.
    Raises like `read_verified`.
    """
    entry, source, *_ = member
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
    """Name the file in an error: "Is a directory" alone would not say which."""
    error.filename = source
    return error
