"""Knows how faults are shown: place, reason, the line itself with a caret, a way out."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

from provisioning.printing import printable
from provisioning.terminal import BLUE, BOLD, CYAN, RED, leave_plain, paint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from provisioning.spec.fault import Fault
    from provisioning.spec.origin import Origin
    from provisioning.terminal import Paint

    Lines = Callable[[str], list[str]]

MOST_SHOWN = 100
"""Faults that a report shows; it counts the others."""

# YAML 1.1, section 5.4: what libyaml counts as the end of a line.
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# What a caret underlines: a quoted string, a map or list in one line, or plain text to its end.
_TOKEN = re.compile(
    r"""  "(?:\\.|[^"\\])*" | '(?:''|[^'])*' | \{.*\} | \[.*\]
      | .+?(?=\s*(?:$|\s\#|:(?:\s|$)|[,\]}])) """,
    re.VERBOSE,
)
_WIDEST, _LONGEST, _MOST_RELATED, _MOST_READ = 120, 500, 10, 1 << 20


def report(faults: Sequence[Fault], root: Path, *, colour: bool) -> Iterator[str]:
    """Yield the lines that tell `faults` of the project at `root`."""
    hidden = {fault.origin.file for fault in faults if not fault.excerpt}

    @cache
    def lines(file: str) -> list[str]:
        return [] if file in hidden else _lines(root / file)

    shown = _Report(lines, paint if colour else leave_plain)
    for fault in faults[:MOST_SHOWN]:
        yield from shown.fault(fault)
    if len(faults) > MOST_SHOWN:
        yield f"and {len(faults) - MOST_SHOWN:,} more faults"


class _Report:
    def __init__(self, lines: Lines, paint: Paint) -> None:
        self._lines = lines
        self._paint = paint

    def fault(self, fault: Fault) -> Iterator[str]:
        where = f"{_clean(fault.where)}: " if fault.where else ""
        told = f"{_place(fault.origin)}: {where}{_clean(fault.message)} [{fault.code}]"
        yield self._paint(told, RED)
        yield from self._excerpt(fault.origin, RED)
        for origin, text in fault.related[:_MOST_RELATED]:
            yield "  " + self._paint(f"{_place(origin)}: {_clean(text)}", BOLD)
            yield from self._excerpt(origin, BLUE)
        if len(fault.related) > _MOST_RELATED:
            yield f"  and {len(fault.related) - _MOST_RELATED:,} more places"
        for number, line in enumerate(fault.hint.splitlines()):
            lead = f"{self._paint('help:', CYAN)} " if number == 0 else "    "
            yield f"  {lead}{_clean(line)}"

    def _excerpt(self, origin: Origin, style: str) -> Iterator[str]:
        numbered = self._lines(origin.file)
        if not 1 <= origin.line <= len(numbered):
            return
        line = numbered[origin.line - 1]
        if not line.strip():
            return
        start = max(0, origin.column - _WIDEST // 2) if len(line) > _WIDEST else 0
        # What cannot be shown would move the caret, or write to the terminal in its own way.
        shown = "".join(c if c.isprintable() else " " for c in line[start : start + _WIDEST])
        column = origin.column - 1 - start
        token = _TOKEN.match(shown, column)
        before, under = _width(shown[:column]), _width(token[0]) if token else 1
        yield f"{self._paint(f'{origin.line:>5} |', BLUE)} {shown}".rstrip()
        yield f"{self._paint('      |', BLUE)} {' ' * before}{self._paint('^' * under, style)}"


def _place(origin: Origin) -> str:
    return _clean(str(origin))


def _clean(text: str) -> str:
    """Return `text` in one line of bounded length, with nothing that a terminal would obey."""
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return printable(text)


def _width(text: str) -> int:
    """The columns of a terminal that `text` takes."""
    wide = sum(east_asian_width(c) in {"W", "F"} for c in text)
    return len(text) + wide - sum(map(bool, map(combining, text)))


def _lines(path: Path) -> list[str]:
    try:
        if not path.is_file():
            return []
        with path.open("rb") as stream:
            text = stream.read(_MOST_READ).decode(errors="replace")
    except OSError:
        return []
    return LINE_BREAK.split(text.removeprefix("\ufeff")) if text else []
