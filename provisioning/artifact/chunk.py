"""Knows where an archive is cut into chunks: boundaries that depend on the content around them.

The first chunk is the preamble with the manifest, the last one is END; in between the entries are
grouped by `boundaries`. So whatever changes with every version lies in a chunk of its own, and
the bytes of every other chunk depend on the members in it alone. A codec that looks back further
than gzip does has several groups in a chunk: which ones, `joined` tells by the same rule.
"""

from __future__ import annotations

import hashlib
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KIB = 1024
MIB = 1024 * KIB


class Sizes(NamedTuple):
    """How many bytes of tar a chunk holds: at least, by and large, and at most."""

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
"""At which level the chunks of a codec are; what is not named here has the first one."""
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
    for start in range(0, length, most):
        yield slice(start, min(start + most, length))


def _ends(path: str, length: int, level: int) -> bool:
    # The chance is proportional to the length, so that groups have one mean size whatever the
    # files' sizes are, and it looks at no neighbour, so that an edit moves no other boundary.
    # A group grows to MIN unasked: the mean of the rest makes up TARGET. Each level has dice of its
    # own: where a group ends, those of the level before have fallen so.
    least, target, _ = LEVELS[level]
    dice = hashlib.sha256(path.encode()).digest()[8 * level : 8 * level + 8]
    return int.from_bytes(dice, "big") * (target - least) < length << 64
