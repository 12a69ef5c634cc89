"""Explains invalid YAML: the commonest mistakes in plain words, all others in libyaml's."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

Place = tuple[int, int]
"""A line and a column, both from 1."""

SYNTAX, PLACEHOLDER = "yaml-syntax", "unquoted-placeholder"

_COMMENT = re.compile(r"(^|\s)#.*$")
_KEY = r"""("[^"]*"|'[^']*'|[^\s:#'"\[{][^:]*?)\s*:"""
_PAIR = re.compile(r"\s*(?:-\s+)*" + _KEY + r"(?:\s+(.*))?$")
_DASH = re.compile(r"-([\w{\[].{0,60})")
_TIGHT_PAIR = re.compile(r"([\w.-]+):(?!//)(\S.{0,60})")  # `src:file`, but not `http://…`
# What a value in brackets ends before is what separates or closes, and no placeholder's brace.
_IN_BRACKETS = re.compile(r"(?:\{\{.*?\}\}|[^,\]}])*")
# White space of Unicode's, and what people take for it: in front, or behind a dash or a colon.
_ODD_SPACE = re.compile(
    "(?:[ -]*|[ -]*[\\w.-]+: *)([\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff])"
)
_MEANINGS = {"*": "an alias", "&": "an anchor", "!": "a tag"}
_NO_SPACE = "a space is missing after this {}"
_LONGEST_LINE, _LONGEST_QUOTED = 500, 60  # nobody writes longer ones, which take long to match


class Explanation(NamedTuple):
    """What to say, of the place where libyaml stopped or of another; and what began elsewhere."""

    message: str
    hint: str
    place: Place | None = None
    began: tuple[Place, str] | None = None
    code: str = SYNTAX


class Trouble(NamedTuple):
    """What libyaml said, and what it had read by then."""

    problem: str
    context: str
    place: Place
    since: Place
    """Where that began which libyaml was reading: a map, a list, a text in quotes."""
    open_quote: Place | None
    """Where a text in quotes began that goes on from line to line and ends in this one."""
    lines: Sequence[str]

    def line(self, number: int) -> str:
        """Return the line of this number; nothing if there is none."""
        return self.lines[number - 1][:_LONGEST_LINE] if 0 < number <= len(self.lines) else ""

    def after(self, place: Place) -> str:
        """Return what stands at `place`, to the end of its line."""
        return self.line(place[0])[place[1] - 1 :]


def explain(trouble: Trouble) -> Explanation:  # noqa: C901, PLR0911 - a list of cases
    """Return what is wrong, where, and what to do."""
    problem, place = trouble.problem, trouble.place
    line, after = trouble.line(place[0]), trouble.after(place)
    before = line[: place[1] - 1]
    if found := _conflict(trouble.lines) or _odd_space(trouble):
        return found
    if re.match(r" *-[{\[]", line):
        return _no_pair(trouble, (place[0], _indent(line) + 1))
    if "found a tab" in problem or after.startswith("\t"):
        return Explanation("this line is indented with a tab", "indent with spaces")
    if problem == "found character that cannot start any token":
        return _start(trouble, place)
    if problem == "found undefined tag handle" or re.search(
        "an (alias|anchor)|a tag", trouble.context
    ):
        return _start(trouble, trouble.since)
    if problem.startswith("did not find expected ','"):
        return _in_brackets(trouble, before, after)
    if trouble.context == "while parsing a flow node" and not after.strip():
        return Explanation("a list or map in brackets is not closed", "close it with ] or }")
    if problem == "mapping values are not allowed in this context":
        return _colon(trouble, before, after)
    if problem == "could not find expected ':'":
        return _no_pair(trouble, trouble.since)
    if problem == "found unexpected end of stream":
        began = (trouble.since, "the text starts here")
        hint = f"close it with {trouble.after(trouble.since)[:1]}"
        return Explanation("a text in quotes is not closed", hint, began=began)
    if problem in ("did not find expected key", "did not find expected '-' indicator"):
        return _no_part(trouble, before, after)
    words = ", ".join(part for part in (problem, trouble.context) if part)
    hint = "check the indentation, quotes and brackets up to here; put quotes around text"
    return Explanation(f"invalid YAML: {words}", hint)


def _no_part(trouble: Trouble, before: str, after: str) -> Explanation:
    """Explain what belongs neither to the map or list above it nor to the value before it."""
    if trouble.open_quote:
        began = (trouble.open_quote, "the text starts here")
        sign = trouble.after(trouble.open_quote)[:1]
        hint = f"close it with {sign} in line {trouble.open_quote[0]}"
        return Explanation("a text in quotes goes on to here", hint, began=began)
    if before.rstrip().endswith(("'", '"')):
        return _behind_quote(trouble.line(trouble.place[0]))
    if before.strip():
        return Explanation("this follows a complete value", "remove it, or quote the whole value")
    if re.match(r"-[\w{\[]", after):
        return _no_pair(trouble, trouble.place)
    if after.startswith(":"):
        return Explanation("a key is missing before this colon", "write key: value")
    hint = "start it in the same column as the lines that it belongs to"
    return Explanation("this is not aligned with what is above", hint)


def _conflict(lines: Sequence[str]) -> Explanation | None:
    for number, line in enumerate(lines, 1):
        if line.startswith(("<<<<<<< ", ">>>>>>> ")):
            hint = "keep one of the two versions; remove the lines of <<<<<<<, ======= and >>>>>>>"
            return Explanation("a merge conflict was left in the file", hint, (number, 1))
    return None


def _odd_space(trouble: Trouble) -> Explanation | None:
    """Explain a space that YAML does not take for one, after a key or before it."""
    last = trouble.place[0]
    for number in (trouble.since[0], last - 1, last):
        if found := _ODD_SPACE.match(trouble.line(number)):
            name = unicodedata.name(found[1]).lower()
            message = f"U+{ord(found[1]):04X} ({name}) is not a space in YAML"
            place = (number, found.start(1) + 1)
            return Explanation(message, "write an ordinary space instead", place)
    return None


def _start(trouble: Trouble, place: Place) -> Explanation:
    """Explain a sign that starts no value, or something else than a value."""
    sign = trouble.after(place)[:1]
    meaning = f", which starts {_MEANINGS[sign]}" if sign in _MEANINGS else ""
    message = f"an unquoted value cannot start with {sign}{meaning}"
    return Explanation(message, quote(trouble.line(place[0]), place[1]), place)


def _in_brackets(trouble: Trouble, before: str, after: str) -> Explanation:
    """Explain why a value in brackets has neither a comma behind it nor what closes them."""
    number, opened = trouble.place[0], trouble.since
    if after.startswith("{{"):
        place = (number, max(before.rfind(sign) for sign in " ,[{") + 2)
        message = "in brackets, a value that holds {{ }} needs quotes"
        advice = quote(trouble.line(number), place[1], in_brackets=True)
        return Explanation(message, advice, place, code=PLACEHOLDER)
    kind, closing = ("list", "]") if trouble.after(opened).startswith("[") else ("map", "}")
    is_left = number > opened[0] and _indent(trouble.line(number)) <= _indent(
        trouble.line(opened[0])
    )
    if is_left or not after.strip() or after[0] in "]}":
        message = f"a {kind} in brackets is not closed before this"
        return Explanation(
            message, f"close it with {closing}", began=(opened, f"the {kind} starts here")
        )
    if before.endswith(("'", '"')):
        hint = "quote the whole value; one with an apostrophe takes double quotes"
        return Explanation("this follows the closing quote", hint)
    hint = 'separate what is in brackets with commas; quote a value that holds ": " or brackets'
    return Explanation("a comma is missing before this", hint)


def _colon(trouble: Trouble, before: str, after: str) -> Explanation:
    """Explain a key where none is allowed."""
    number, column = trouble.place
    if pair := _PAIR.match(_uncommented(trouble.line(number)).rstrip()):
        key, value, start = pair[1], pair[2] or "", pair.start(2) + 1
        if value and start < column:
            if value.startswith(("'", '"')):
                return _behind_quote(trouble.line(number))
            held = 'holds ": "' if after.strip() != ":" else "ends with :"
            return Explanation(f"a value that {held} needs quotes", f"write {key}: {quoted(value)}")
    above = next((each for each in range(number - 1, 0, -1) if trouble.line(each).strip()), 0)
    pair = _PAIR.match(_uncommented(trouble.line(above)).rstrip())
    if pair and _indent(before) > pair.start(1):
        message = f"this is indented deeper than {pair[1]} above, which already has a value"
        hint = f"start it in column {pair.start(1) + 1}, below {pair[1]}"
        return Explanation(message, hint, (number, _indent(before) + 1))
    if above and not pair:
        return _no_pair(trouble, (above, _indent(trouble.line(above)) + 1))
    return Explanation("a key is not allowed here", "start it in the next line")


def _no_pair(trouble: Trouble, place: Place) -> Explanation:
    """Explain a line that should be a key and a value."""
    line, text = trouble.line(place[0]), trouble.after(place).strip()
    bare = re.sub(r"^\s*(?:-\s+)*", "", line)
    if pair := pair_in(bare):
        column = len(line) - len(bare) + len(pair.key) + 1
        return Explanation(_NO_SPACE.format("colon"), f"write {pair}", (place[0], column))
    if item := _DASH.match(text):
        return Explanation(_NO_SPACE.format("dash"), f"write - {item[1]}", place)
    return Explanation("a colon is missing in this line", "write key: value", place)


def _behind_quote(line: str) -> Explanation:
    message = "this follows the closing quote"
    pair = _PAIR.match(_uncommented(line).rstrip())
    if not pair or not pair[2]:
        return Explanation(message, "quote the whole value")
    if re.match(r"""("[^"]*"|'[^']*')\s*,""", pair[2]):
        return Explanation(message, f"write a list: {pair[1]}: [{pair[2]}]")
    return Explanation(message, f"write {pair[1]}: {quoted(pair[2])}")


class TightPair(NamedTuple):
    """A key and a value without a blank between them."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}: {self.value}"


def pair_in(text: str) -> TightPair | None:
    """Return the key and the value that a text was meant to be, if it was."""
    found = _TIGHT_PAIR.match(text)
    return TightPair(found[1], found[2]) if found else None


def missing_space(line: str, column: int, alone: str) -> Explanation | None:
    """Explain the key at `column`, which is `alone` if it has no value, if it lacks a blank."""
    # guard: tight-dash
    if not line[: column - 1].strip(" -") and (item := _DASH.match(line[column - 1 :])):
        return Explanation(_NO_SPACE.format("dash"), f"write - {item[1]}", (0, column))
    if pair := pair_in(alone):
        place = (0, column + len(pair.key))
        return Explanation(_NO_SPACE.format("colon"), f"write {pair}", place)
    return None


def quote(line: str, column: int, *, in_brackets: bool = False) -> str:
    """Return the advice to quote the key or value at `column`: to where it ends."""
    before, text = line[: column - 1], line[column - 1 :]
    bare = re.sub(r"""'[^']*'|"[^"]*"|\{\{|\}\}""", "", before)
    if in_brackets or sum(map(bare.count, "[{")) > sum(map(bare.count, "]}")):
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


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _uncommented(line: str) -> str:
    return _COMMENT.sub("", line)
