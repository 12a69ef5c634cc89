"""Knows how people write sizes and numbers of things, and read them."""

from __future__ import annotations

import re

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,9})([KMG]?)")


def told(size: int) -> str:
    """A size in bytes for people, as in `1.5M`."""
    for unit, one in reversed(_UNITS.items()):
        if size >= one > 1:
            return f"{size / one:.1f}{unit}"
    return count(size, "byte")


def read(text: str) -> int | None:
    """The bytes of a size written as in 500M or 2G; None where it is no size."""
    match = _SIZE.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def count(number: int, noun: str) -> str:
    """Some of what a noun names."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
