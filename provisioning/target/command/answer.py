"""Knows what a command answers: an exit code, and a document for other programs."""

from __future__ import annotations

from typing import Any, NamedTuple

GOOD, DIFFERS, TROUBLE, REFUSED, FAILED, LOCKED = 0, 1, 2, 3, 4, 5


class Answer(NamedTuple):
    """What a command answers."""

    code: int
    document: dict[str, Any]
