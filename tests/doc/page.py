"""Reads the project's documents: sections, tables, blocks, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOC = ROOT / "doc"
GREENHOUSE = DOC / "tutorial" / "greenhouse"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


class Block(NamedTuple):
    """A fenced block: its language and its text."""

    language: str
    text: str


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(*found) for found in _BLOCK.findall(path.read_text(encoding="utf-8"))]


def section(path: Path, heading: str) -> str:
    """The text under `heading`, up to the next heading of its level or a higher one."""
    text = path.read_text(encoding="utf-8")
    assert f"{heading}\n" in text, f"{path.name} has no section {heading!r}"
    rest = text.split(f"{heading}\n", 1)[1]
    # A single # is the page's title, or a comment in a block.
    level = len(heading) - len(heading.lstrip("#"))
    return re.split(rf"^#{{2,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def first_column(text: str) -> set[str]:
    """What is set in code in the first column of the tables of `text`."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return {name for row in rows for name in _CODE.findall(row.split("|")[1])}
