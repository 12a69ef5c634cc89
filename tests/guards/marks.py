"""Finds the marks in the code, `# guard: NAME`, at which guards stand."""

from __future__ import annotations

import io
import re
import tokenize
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_MARK = re.compile(r"# guard: ([a-z0-9-]+)")
_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


class Mark(NamedTuple):
    """A mark, and the line that it is about."""

    name: str
    path: Path
    line: int


@cache
def marks() -> tuple[Mark, ...]:
    """All marks of the program."""
    files = sorted((ROOT / "provisioning").rglob("*.py"))
    return tuple(
        Mark(name, path, line)
        for path in files
        for name, line in marks_of(path.read_text(encoding="utf-8"))
    )


@cache
def marks_of(source: str) -> list[tuple[str, int]]:
    """The marks of a module: behind what they are about, or alone in the line above."""
    if "# guard: " not in source:
        return []
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    found = (token for token in tokens if token.type not in _NO_CODE)
    code = sorted({line for token in found for line in (token.start[0], token.end[0])})
    return [
        (name, next(line for line in code if line >= token.start[0]))
        for token in tokens
        if token.type == tokenize.COMMENT
        for name in _MARK.findall(token.string)
    ]
