"""Knows what an owner may be called: the one place that says so."""

from __future__ import annotations

import re
from functools import lru_cache

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,6}")
_LARGEST_ID = 0o7777777


@lru_cache(maxsize=256)  # a package has few owners and many entries
def owner_fault(owner: str) -> str | None:
    """Say why `owner` can be no user or group of an entry, or None.

    The limits are those of a ustar header (pax(5)): 31 ASCII characters, or seven octal digits.
    """
    if _NUMBER.fullmatch(owner):
        return None if int(owner) <= _LARGEST_ID else f"is a number above {_LARGEST_ID}"
    if _NAME.fullmatch(owner):
        return None
    return "is neither a name (at most 31 of A-Z a-z 0-9 _ . -) nor a number up to 2097151"
