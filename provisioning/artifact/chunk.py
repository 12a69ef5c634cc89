"""Knows where an archive is cut into chunks: boundaries that depend on the content around them.

The first chunk is the preamble with the manifest, the last one is END; in between the entries are
grouped by `boundaries`. So whatever changes with every version lies in a chunk of its own, and
the bytes of every other chunk depend on the members in it alone.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KIB = 1024
MIN, TARGET, MAX = 256 * KIB, 1024 * KIB, 4096 * KIB  # bytes of tar in a chunk


def boundaries(members: Iterable[tuple[str, int]]) -> Iterator[slice]:
    """Group the entries of an archive, given as (path, bytes of tar) in order.

    Each slice selects the members of one group: at least MIN (but for the last group, or before
    a member that would not fit) and at most MAX, unless one member alone is larger: that one is
    to be cut by `pieces`.
    """
    start = stop = size = 0
    for path, length in members:
        if size and size + length > MAX:
            yield slice(start, stop)
            start, size = stop, 0
        stop += 1
        size += length
        if size >= MIN and _ends(path, length):
            yield slice(start, stop)
            start, size = stop, 0
    if start < stop:
        yield slice(start, stop)


def pieces(length: int) -> Iterator[slice]:
    """Cut `length` bytes of tar, of one group, into chunks of at most MAX."""
    for start in range(0, length, MAX):
        yield slice(start, min(start + MAX, length))


def _ends(path: str, length: int) -> bool:
    # The chance is proportional to the length, so that groups have one mean size whatever the
    # files' sizes are, and it looks at no neighbour, so that an edit moves no other boundary.
    # A group grows to MIN unasked: the mean of the rest makes up TARGET.
    chance = int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big")
    return chance * (TARGET - MIN) < length << 64
