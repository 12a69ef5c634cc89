"""Knows what was meant where a blank is missing behind a dash or a colon, and YAML reads text."""

from __future__ import annotations

import re
from typing import NamedTuple

MESSAGE = "a space is missing after this {}"

_DASH = re.compile(r"-([\w{\[].{0,60})")
# `src:file`, but not `http://…`.
_COLON = re.compile(r"([\w.-]+):(?!//)(\S.{0,60})")


class Pair(NamedTuple):
    """A key and a value without a blank between them."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}: {self.value}"


class Slip(NamedTuple):
    """Where a blank is missing, and what to write."""

    column: int
    message: str
    hint: str


def slip_in(line: str, column: int, alone: str) -> Slip | None:
    """The blank that is missing in the key at `column`, which is `alone` where it has no value."""
    if not line[: column - 1].strip(" -") and (item := behind_dash(line[column - 1 :])):
        return Slip(column, MESSAGE.format("dash"), f"write - {item}")
    if pair := pair_in(alone):
        return Slip(column + len(pair.key), MESSAGE.format("colon"), f"write {pair}")
    return None


def behind_dash(text: str) -> str:
    """What a text that begins with a dash has behind it where an item was meant; else ""."""
    found = _DASH.match(text)
    return found[1] if found else ""


def pair_in(text: str) -> Pair | None:
    """The key and the value that a text was meant to be, if it was."""
    found = _COLON.match(text)
    return Pair(found[1], found[2]) if found else None
