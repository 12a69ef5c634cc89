"""Knows which known name a misspelt one was meant to be, without comparing all with all."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_WILD = re.compile("[*?]")
# A file can hold thousands of misspelt names and thousands of known ones.
_LONGEST = 40  # no name longer than this is a slip of the finger
_MOST_SLIPS = 3
_SHORTEST_BEGINNING = 3
_MOST_COMPARED = 16
_MOST_SOUGHT, _MOST_LISTED = 2_000, 30


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that `name` is most likely meant to be; None if none is like it."""
    if name in known:
        return name
    if not 0 < len(name) <= _LONGEST:
        return None
    wanted = name.casefold()
    most = min(len(wanted) // 3, _MOST_SLIPS)
    alike = islice(_alike(wanted, known, most), _MOST_COMPARED)
    judged = [(_slips(wanted, each.casefold()), each) for each in alike]
    slips, near = min(judged, default=(most + 1, ""))
    return near if slips <= most else _begun(wanted, known)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return "did you mean …?" with the nearest known name, else all known names, else nothing."""
    if near := nearest(name, known):
        return f"did you mean {near}?"
    if len(known) > _MOST_SOUGHT:
        return ""
    if len(known) > _MOST_LISTED:
        return f"none of the {len(known):,} known names is like it"
    return f"known: {', '.join(sorted(known))}" if known else ""


def no_glob(path: str) -> str:
    """What to do about `path` where one file is wanted and there is none; "" if it names one."""
    return "write the name of one file; this is no glob" if _WILD.search(path) else ""


def nearest_path(root: Path, path: str) -> str | None:
    """Return the file below `root` that `path`, which is none, is most likely meant to be."""
    found = ""
    for part in PurePosixPath(path).parts:
        try:
            # What cannot be shown cannot be suggested.
            names = [name for name in os.listdir(root / found) if name.isprintable()]
        except OSError:
            return None
        near = nearest(part, names)
        if near is None:
            return None
        found = os.path.join(found, near)
    return found if (root / found).is_file() else None


def _begun(wanted: str, known: Collection[str]) -> str | None:
    """The shortest known name of which `wanted` is the beginning."""
    if len(wanted) < _SHORTEST_BEGINNING:
        return None
    names = islice(known, _MOST_SOUGHT)
    begun = [(len(name), name) for name in names if name.casefold().startswith(wanted)]
    return min(begun)[1] if begun else None


def _alike(wanted: str, known: Collection[str], most: int) -> Iterator[str]:
    """The known names that can be `most` slips from `wanted`, the likeliest first."""
    letters, length = _letters(wanted), len(wanted)
    # A slip changes the length by one at most, and the set of letters, of 128, by two.
    alike: list[list[str]] = [[] for _ in range(2 * most + 1)]
    for name in islice(known, _MOST_SOUGHT):
        if abs(len(name) - length) <= most:
            strange = (_letters(name) ^ letters).bit_count()
            if strange <= 2 * most:
                alike[strange].append(name)
    return chain.from_iterable(alike)


@lru_cache(maxsize=1 << 14)
def _letters(name: str) -> int:
    """The letters of `name`, as a set of bits."""
    bits = 0
    for letter in name.casefold():
        bits |= 1 << ord(letter) % 128
    return bits


def _slips(one: str, other: str) -> int:
    """How many letters are left out, added, replaced or swapped: optimal string alignment.

    Each step does a whole column of the usual table, in the bits of a few integers: H. Hyyrö,
    "A Bit-Vector Algorithm for Computing Levenshtein and Damerau Edit Distances", 2003.
    """
    places = dict.fromkeys(one, 0)
    for number, letter in enumerate(one):
        places[letter] |= 1 << number
    column = (1 << len(one)) - 1
    last = 1 << len(one) >> 1
    down, up, same, before, slips = column, 0, 0, 0, len(one)
    for letter in other:
        here = places.get(letter, 0)
        swapped = (~same & here) << 1 & before
        same = swapped | (((here & down) + down) ^ down) | here | up
        right, left = up | (~(same | down) & column), same & down
        slips += bool(right & last) - bool(left & last)
        right, left = right << 1 | 1, left << 1
        down, up, before = (left | ~(same | right)) & column, right & same & column, here
    return slips
