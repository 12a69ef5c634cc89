"""Knows where libyaml stopped, what it had read by then, and what is written around that place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

Place = tuple[int, int]
"""A line and a column, both from 1."""

SYNTAX, PLACEHOLDER = "yaml-syntax", "unquoted-placeholder"

_COMMENT = re.compile(r"(^|\s)#.*$")
_KEY = r"""("[^"]*"|'[^']*'|[^\s:#'"\[{][^:]*?)\s*:"""
_PAIR = re.compile(r"\s*(?:-\s+)*" + _KEY + r"(?:\s+(.*))?$")
# What a value in brackets ends before is what separates or closes, and no placeholder's brace.
_IN_BRACKETS = re.compile(r"(?:\{\{.*?\}\}|[^,\]}])*")
_MEANINGS = {"*": "an alias", "&": "an anchor", "!": "a tag"}
_LONGEST_LINE, _LONGEST_QUOTED = 500, 60


class Told(NamedTuple):
    """What to say, of the place where libyaml stopped or of another; and what began elsewhere."""

    message: str
    hint: str
    place: Place | None = None
    began: tuple[Place, str] | None = None
    code: str = SYNTAX


class Value(NamedTuple):
    """A scalar that was read; its style is the sign it starts with, as `"` and `|`, or nothing."""

    start: Place
    end: Place
    style: str


class Pair(NamedTuple):
    """The key and the value in a line; without a value, its column is 0."""

    key: str
    column: int
    value: str
    value_column: int


class Trouble(NamedTuple):
    """What libyaml said, and what it had read by then."""

    problem: str
    context: str
    place: Place
    since: Place
    """Where that began which libyaml was reading: a map, a list, a text in quotes."""
    opened: Place | None
    """The innermost open bracket; also None where libyaml has looked too far ahead to say."""
    last: Value | None
    """The last scalar before the place."""
    lines: Sequence[str]

    @property
    def before(self) -> str:
        """What stands before the place in its line."""
        return self.line(self.place[0])[: self.place[1] - 1]

    @property
    def after(self) -> str:
        """What stands at the place, to the end of its line."""
        return self.rest(self.place)

    @property
    def is_end(self) -> bool:
        """Whether nothing stands at the place, nor in a line below."""
        return not self.after.strip() and not any(map(str.strip, self.lines[self.place[0] :]))

    def line(self, number: int) -> str:
        """Return the line of this number; nothing where there is none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def rest(self, place: Place) -> str:
        """Return what stands at `place`, to the end of its line."""
        return self.line(place[0])[place[1] - 1 :]

    def above(self, number: int) -> int:
        """Return the number of the nearest line above that says something; 0 without one."""
        while number := max(0, number - 1):
            if _uncommented(self.line(number)).strip():
                break
        return number

    def pair(self, number: int) -> Pair | None:
        """Return the key and the value that a line holds."""
        # A longer line is none that a person wrote, and would take long to match.
        found = _PAIR.match(_uncommented(self.line(number)[:_LONGEST_LINE]).rstrip())
        if not found:
            return None
        return Pair(found[1], found.start(1) + 1, found[2] or "", found.start(2) + 1)

    def quote(self, place: Place) -> str:
        """Tell to quote what stands at `place`."""
        line = self.line(place[0])
        return quote(line, place[1], in_brackets=self.opened is not None)


def start(trouble: Trouble, place: Place) -> Told:
    """Explain a sign that starts no value, or something else than a value."""
    sign = trouble.rest(place)[:1]
    meaning = f", which starts {_MEANINGS[sign]}" if sign in _MEANINGS else ""
    message = f"an unquoted value cannot start with {sign}{meaning}"
    return Told(message, trouble.quote(place), place)


def quote(line: str, column: int, *, in_brackets: bool = False) -> str:
    """Tell to quote the key or value at `column`: to where it ends, in brackets or without."""
    before, text = line[: column - 1], line[column - 1 :]
    if in_brackets or _open_brackets(before) > 0:
        text = _IN_BRACKETS.match(text)[0]  # type: ignore[index]  # it matches nothing as well
    elif not before.strip(" -") and (key := re.match(r"([^\s:]+):(?=\s)", text)):
        return f"quote it: {quoted(key[1])}: …"
    return f"quote it: {quoted(text)}"


def quoted(text: str) -> str:
    """Return `text`, which may have quotes of its own and a comment behind, in quotes."""
    text = _uncommented(text).strip()
    if len(text) > _LONGEST_QUOTED:
        return '"…"'
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def indent(line: str) -> int:
    """Return how many spaces `line` starts with."""
    return len(line) - len(line.lstrip(" "))


def _uncommented(line: str) -> str:
    return _COMMENT.sub("", line)


def _open_brackets(text: str) -> int:
    bare = re.sub(r"""'[^']*'|"[^"]*"|\{\{|\}\}""", "", text)
    return sum(map(bare.count, "[{")) - sum(map(bare.count, "]}"))
