"""Knows which of two versions is the later one: as Debian compares them (deb-version(7)).

What follows the last hyphen is the revision, which counts where the rest is equal. Digits count
as numbers; of all else, `~` comes before everything, even the end, and letters before the others.
"""

from __future__ import annotations

import re
from functools import cmp_to_key
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PARTS = re.compile(r"([^0-9]*)([0-9]*)")
_END = 0
_NOTHING = ((_END,), 0)

Part = tuple[tuple[int, ...], int]


def is_older(version: str, than: str) -> bool:
    """Tell whether `version` comes before another."""
    for mine, other in zip(_split(version), _split(than)):
        for pair in zip_longest(_parts(mine), _parts(other), fillvalue=_NOTHING):
            if pair[0] != pair[1]:
                return pair[0] < pair[1]
    return False


def latest(versions: Iterable[str]) -> str:
    """The one of `versions` that comes after all others."""
    return max(sorted(versions), key=cmp_to_key(_compare))


def _compare(version: str, other: str) -> int:
    return is_older(other, version) - is_older(version, other)


def _split(version: str) -> tuple[str, str]:
    upstream, hyphen, revision = version.rpartition("-")
    return (upstream, revision) if hyphen else (version, "")


def _parts(text: str) -> list[Part]:
    return [(_order(other), int(digits or 0)) for other, digits in _PARTS.findall(text)]


def _order(text: str) -> tuple[int, ...]:
    return (*map(_rank, text), _END)


def _rank(character: str) -> int:
    if character == "~":
        return _END - 1
    return ord(character) + (0 if character.isalpha() else 256)
