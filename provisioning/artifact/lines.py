"""Knows how two states of a text differ, line by line, within bounds of time, size and lines."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from provisioning.printing import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_LINES = 2000  # from the first that differs to the last: the time grows with their square
_LONGEST_LINE = 1000  # characters; what is longer was made for no reader
_AROUND = 3  # equal lines that are shown before and behind those that differ
_NO_NEWLINE = "\\ No newline at end of file"


class Text(NamedTuple):
    """The lines of a unified difference, or why there are none."""

    lines: tuple[str, ...] = ()
    why_not: str = ""


def unified(old: bytes, new: bytes) -> Text:
    """Tell how the lines of two contents differ, each line so that it can do nothing to a terminal.

    The lines begin as those of `diff -u` do: with a space, "-", "+", "@" or a backslash.
    """
    before, after = _lines(old), _lines(new)
    if before is None or after is None:
        return Text(why_not="no text in UTF-8")
    skipped = _common(before, after)
    behind = _common(before[skipped:][::-1], after[skipped:][::-1])
    first, behind = max(skipped - _AROUND, 0), max(behind - _AROUND, 0)
    before, after = before[first : len(before) - behind], after[first : len(after) - behind]
    if max(len(before), len(after)) > MOST_LINES:
        return Text(why_not=f"more than {MOST_LINES} lines from the first that differs to the last")
    lines = tuple(_hunks(before, after, first))
    if max(map(len, lines)) > len("+") + _LONGEST_LINE:
        return Text(why_not=f"a line of more than {_LONGEST_LINE} characters")
    return Text(lines)


def _lines(content: bytes) -> list[str] | None:
    """The lines of a text, each with its newline; None where it is none.

    str.splitlines would cut at characters that no editor and no diff takes for the end of a line.
    """
    if b"\0" in content:
        return None
    try:
        *lines, last = content.decode().split("\n")
    except UnicodeDecodeError:
        return None
    return [*(f"{line}\n" for line in lines), *([last] if last else [])]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines are the same at the beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other)))


def _hunks(old: Sequence[str], new: Sequence[str], skipped: int) -> Iterator[str]:
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(_AROUND):
        _, old_start, _, new_start, _ = group[0]
        _, _, old_end, _, new_end = group[-1]
        spans = _span(old_start, old_end, skipped), _span(new_start, new_end, skipped)
        yield f"@@ -{spans[0]} +{spans[1]} @@"
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                yield from _marked(" ", old[old_from:old_to])
            else:
                yield from _marked("-", old[old_from:old_to])
                yield from _marked("+", new[new_from:new_to])


def _span(start: int, end: int, skipped: int) -> str:
    """Which lines of a file, as diff(1) counts them: of none, the one before."""
    first = skipped + start + (start != end)
    return f"{first},{end - start}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + printable(line.rstrip("\n"), but="\t")
        if not line.endswith("\n"):
            yield _NO_NEWLINE
