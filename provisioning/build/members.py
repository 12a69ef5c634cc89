"""Knows the members of an archive as bytes, from sources that must still be what was collected."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from provisioning.artifact import chunk, tar
from provisioning.artifact.entry import FILE
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from provisioning.artifact.archive import Spelling
    from provisioning.artifact.entry import Entry
    from provisioning.build.listing import Collected

    Read = Callable[[Entry, str], bytes]


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
            parts.append(bytes(tar.padding(entry.size)))
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
    lengths = [piece.stop - piece.start for piece in chunk.pieces(entry.size)]
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
    return os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _named(error: OSError, source: str) -> OSError:
    """Without a name, "Is a directory" would not say which."""
    error.filename = source
    return error
