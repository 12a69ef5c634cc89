"""Knows where libyaml stopped, what it had read by then, and what is written around that place."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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


MESSAGE = "a space is missing after this {}"

_DASH = re.compile(r"-([\w{\[].{0,60})")
# `src:file`, but not `http://…`.
_COLON = re.compile(r"([\w.-]+):(?!//)(\S.{0,60})")


class TightPair(NamedTuple):
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
    # guard: tight-dash
    if not line[: column - 1].strip(" -") and (item := behind_dash(line[column - 1 :])):
        return Slip(column, MESSAGE.format("dash"), f"write - {item}")
    if pair := pair_in(alone):
        return Slip(column + len(pair.key), MESSAGE.format("colon"), f"write {pair}")
    return None


def behind_dash(text: str) -> str:
    """What a text that begins with a dash has behind it where an item was meant; else ""."""
    found = _DASH.match(text)
    return found[1] if found else ""


def pair_in(text: str) -> TightPair | None:
    """The key and the value that a text was meant to be, if it was."""
    found = _COLON.match(text)
    return TightPair(found[1], found[2]) if found else None


_COMMAS = "separate what is in brackets with commas"


def behind_value(trouble: Trouble) -> Told:
    """Explain why a value in brackets has neither a comma behind it nor what closes them."""
    if told := _no_brackets(trouble):
        return told
    if trouble.is_end or _is_left(trouble):
        return _unclosed(trouble, trouble.since)
    if trouble.after[0] in "]}":
        return _mismatch(trouble)
    if trouble.after[0] == ":":
        return Told("a second colon in one value", f'{_COMMAS}; quote a value that holds ": "')
    if trouble.before.endswith(("'", '"')):
        hint = "quote the whole value; one with an apostrophe takes double quotes"
        return Told("this follows the closing quote", hint)
    return Told("a comma is missing before this", f"{_COMMAS}; quote a value that holds brackets")


def no_value(trouble: Trouble) -> Told:
    """Explain why nothing can start where a value should."""
    sign, opened = trouble.after[:1], trouble.opened
    if opened and trouble.is_end:
        return _unclosed(trouble, opened)
    if opened and trouble.after.startswith("- "):
        hint = _undashed(trouble, opened)
        return Told("a dash cannot stand in brackets", hint, began=_began(trouble, opened))
    if sign and sign in "]}":
        return surplus(sign)
    if sign == "," and opened:
        return Told("a value is missing before this comma", 'remove the comma, or write ""')
    if sign == ",":
        return start(trouble, trouble.place)
    return Told("a value is missing here", 'write "" for an empty text')


def _undashed(trouble: Trouble, opened: Place) -> str:
    pair = trouble.pair(opened[0])
    first = re.match(r"-\s+([\w.-]+:\s+[^\s,\]}]{1,60})", trouble.after)
    if not pair or not first:
        return "write [a, b], or one dash in each line and no brackets"
    dash = "- " if pair.key == "contents" else ""
    return f"write:\n{pair.key}:\n  {dash}{first[1]}"


def surplus(sign: str) -> Told:
    """Explain a closing bracket where none is open."""
    return Told(f"this {sign} closes nothing", "remove it, or quote the value that it belongs to")


def _no_brackets(trouble: Trouble) -> Told | None:
    """Explain braces that were not meant to be YAML's."""
    if trouble.rest(trouble.since).startswith("{#"):
        return Told("{# starts no comment here", "start a comment with #", trouble.since)
    if not trouble.after.startswith("{{"):
        return None
    number, _ = trouble.place
    place = (number, max(trouble.before.rfind(sign) for sign in " ,[{") + 2)
    message = "in brackets, a value that holds {{ }} needs quotes"
    return Told(message, trouble.quote(place), place, code=PLACEHOLDER)


def _is_left(trouble: Trouble) -> bool:
    """Whether the line is indented as the one with the bracket is: a new key, most likely."""
    number, first = trouble.place[0], trouble.since[0]
    return number > first and indent(trouble.line(number)) <= indent(trouble.line(first))


def _unclosed(trouble: Trouble, opened: Place) -> Told:
    kind, closing = _kind(trouble, opened)
    message = f"a {kind} in brackets is not closed" + ("" if trouble.is_end else " before this")
    return Told(message, f"close it with {closing}", began=_began(trouble, opened))


def _mismatch(trouble: Trouble) -> Told:
    kind, closing = _kind(trouble, trouble.since)
    message = f"{trouble.after[0]} does not close a {kind}"
    return Told(message, f"close it with {closing}", began=_began(trouble, trouble.since))


def _began(trouble: Trouble, opened: Place) -> tuple[Place, str]:
    return opened, f"the {_kind(trouble, opened)[0]} starts here"


def _kind(trouble: Trouble, opened: Place) -> tuple[str, str]:
    """What an opening bracket starts, and what closes it."""
    return ("list", "]") if trouble.rest(opened).startswith("[") else ("map", "}")


# White space of Unicode's, and what people take for it: in front, or behind a dash or a colon.
_ODD_SPACE = re.compile(
    "(?:[ -]*|[ -]*[\\w.-]+: *)([\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff])"
)
_BLOCK = re.compile(r"(^|\s)[|>][-+\d]*$")
_LONGEST_LOOKED_AT = 200  # that is looked at: longer ones are none that a person wrote
_LONGEST_KEY = 1024  # of libyaml, after YAML 1.1, section 7.3.2
_WRITE = "write key: value"


def explain(trouble: Trouble) -> Told:
    """Return what is wrong, where, and what to do."""
    explainer = _EXPLAINERS.get(trouble.problem) or _CONTEXTS.get(trouble.context) or _unknown
    plain = _conflict(trouble.lines) or _odd_space(trouble) or _tight_dash(trouble)
    return plain or explainer(trouble)


def _unknown(trouble: Trouble) -> Told:
    words = ", ".join(part for part in (trouble.problem, trouble.context) if part)
    hint = "look for a quote or a bracket that is not closed; quote what is text"
    return Told(f"this is no YAML: {words}", hint)


def _conflict(lines: Sequence[str]) -> Told | None:
    for number, line in enumerate(lines, 1):
        if line.startswith(("<<<<<<< ", ">>>>>>> ")):
            hint = "keep one of the two versions; remove the lines of <<<<<<<, ======= and >>>>>>>"
            return Told("a merge conflict was left in the file", hint, (number, 1))
    return None


def _odd_space(trouble: Trouble) -> Told | None:
    """Explain a space that is none to YAML, where one has to be: behind a key, or in front."""
    last = trouble.place[0]
    for number in (trouble.since[0], trouble.above(last), last):
        if found := _ODD_SPACE.match(trouble.line(number)[:_LONGEST_LOOKED_AT]):
            place = (number, found.start(1) + 1)
            name = unicodedata.name(found[1][0]).lower()
            message = f"U+{ord(found[1][0]):04X} ({name}) is no space to YAML"
            return Told(message, "write an ordinary space instead", place)
    return None


def _tight_dash(trouble: Trouble) -> Told | None:
    """Explain `-{src: a}`, which begins a text."""
    number = trouble.place[0]
    if re.match(r" *-[{\[]", trouble.line(number)):
        return _no_pair(trouble, (number, indent(trouble.line(number)) + 1))
    return None


def _tab(_trouble: Trouble) -> Told:
    return Told("this line is indented with a tab", "indent with spaces")


def _sign(trouble: Trouble) -> Told:
    if trouble.after.startswith("\t"):
        return _tab(trouble)
    if trouble.before.endswith("{") and trouble.after.startswith("%"):
        line, column = trouble.place
        hint = "what differs between platforms stands under platforms; quote it if it is text"
        return Told("{% %} is for templates; a spec has {{ name }} alone", hint, (line, column - 1))
    return start(trouble, trouble.place)


def _reserved(trouble: Trouble) -> Told:
    return start(trouble, trouble.since)


def _colon(trouble: Trouble) -> Told:
    """Explain a key where none can stand."""
    number, column = trouble.place
    if column > _LONGEST_KEY:
        return Told(f"a key is longer than {_LONGEST_KEY:,} characters", "choose a shorter one")
    if trouble.before.startswith("--- "):
        return Told("a key cannot stand in the line of ---", "start it in the next line")
    pair = trouble.pair(number)
    if not pair or not 0 < pair.value_column <= column:
        return _below(trouble)
    if pair.value_column == column:
        return start(trouble, trouble.place)
    if pair.value.startswith(("'", '"')):
        return _behind_quote(trouble)
    held = 'holds ": "' if trouble.after.strip() != ":" else "ends with :"
    hint = f"write {pair.key}: {quoted(pair.value)}"
    return Told(f"a value that {held} needs quotes", hint)


def _below(trouble: Trouble) -> Told:
    """Explain a key that cannot stand below what is above it."""
    number = trouble.place[0]
    above, column = trouble.above(number), indent(trouble.line(number)) + 1
    pair = trouble.pair(above)
    if pair and column > pair.column:
        message = f"this is indented deeper than {pair.key} above, which already has a value"
        hint = f"start it in column {pair.column}, below {pair.key}"
        return Told(message, hint, (number, column))
    if above and not pair:
        return _no_pair(trouble, (above, indent(trouble.line(above)) + 1))
    return Told("a key cannot stand here", "start it in the next line")


def _no_colon(trouble: Trouble) -> Told:
    above = trouble.line(trouble.above(trouble.since[0]))
    if _BLOCK.search(above):
        hint = f"indent it below {above.strip()}"
        return Told("a text of several lines must be indented", hint, trouble.since)
    return _no_pair(trouble, trouble.since)


def _no_pair(trouble: Trouble, place: Place) -> Told:
    """Explain a line that should be a key and a value."""
    text = trouble.rest(place).strip()
    line = trouble.line(place[0])
    bare = re.sub(r"^\s*(?:-\s+)*", "", line)
    if pair := pair_in(bare):
        column = len(line) - len(bare) + len(pair.key) + 1
        return Told(MESSAGE.format("colon"), f"write {pair}", (place[0], column))
    if text.startswith("//"):
        return Told("// starts no comment here", "start a comment with #", place)
    if item := behind_dash(text):
        return Told(MESSAGE.format("dash"), f"write - {item}", place)
    if assigned := re.match(r"([\w.-]+)\s*=\s*(.{1,60})", text):
        return Told(
            "a key ends with a colon, not with =", f"write {assigned[1]}: {assigned[2]}", place
        )
    return Told("a colon is missing in this line", _WRITE, place)


def _no_part(trouble: Trouble) -> Told:
    """Explain what is no part of the map or list above it, nor of the value before it."""
    last, sign = trouble.last, trouble.after[:1]
    if last and last.style in ("'", '"') and last.start[0] < last.end[0] == trouble.place[0]:
        began = (last.start, "the text starts here")
        hint = f"close it with {last.style} in line {last.start[0]}"
        return Told("a text in quotes goes on to here", hint, began=began)
    if sign and sign in "]}":
        return surplus(sign)
    if not trouble.before.strip():
        return _indentation(trouble)
    if trouble.before.rstrip().endswith(("'", '"')):
        return _behind_quote(trouble)
    return Told("this follows a complete value", "remove this, or quote the whole value")


def _tight_colon(_trouble: Trouble) -> Told:
    hint = "write a space after it, or quote a value that holds a colon"
    return Told(MESSAGE.format("colon"), hint)


def _behind_quote(trouble: Trouble) -> Told:
    message = "this follows the closing quote"
    pair = trouble.pair(trouble.place[0])
    if not pair or not pair.value:
        return Told(message, "quote the whole value")
    if trouble.after.startswith(","):
        return Told(message, f"write a list: {pair.key}: [{pair.value}]")
    return Told(message, f"write {pair.key}: {quoted(pair.value)}")


def _indentation(trouble: Trouble) -> Told:
    """Explain a line that starts neither where those above start, nor deeper."""
    above = trouble.above(trouble.place[0])
    if told := _below_text(trouble, above):
        return told
    if re.match(r"-(\s|$)", trouble.after):
        return _item(trouble)
    if re.match(r"-[\w{\[]", trouble.after):
        return _no_pair(trouble, trouble.place)
    if trouble.after.startswith(":"):
        return Told("a key is missing before this colon", _WRITE)
    pair, in_list = trouble.pair(above), trouble.context.endswith("collection")
    columns = {pair.column} if pair else set()
    columns |= set() if in_list else {trouble.since[1]}
    if not columns:
        hint = "start it left of the dashes, or with a dash"
        return Told("a key cannot stand among the items of a list", hint)
    either = " or ".join(map(str, sorted(columns)))
    return Told("this key is not aligned with those above", f"start it in column {either}")


def _below_text(trouble: Trouble, above: int) -> Told | None:
    """Explain a line that has left a text of several lines."""
    last = trouble.last
    if not last or last.style not in ("|", ">") or trouble.above(last.end[0]) != above:
        return None
    lines = range(last.start[0] + 1, above + 1)
    first = next((number for number in lines if trouble.line(number).strip()), 0)
    hint = f"start it in column {indent(trouble.line(first)) + 1}, as line {first} does"
    return Told("this is not aligned with the text above", hint) if first else None


def _item(trouble: Trouble) -> Told:
    number = trouble.place[0]
    while number := trouble.above(number):
        line = trouble.line(number)
        if re.match(r"\s*-\s", line):
            hint = f"start it in column {indent(line) + 1}, as line {number} does"
            return Told("this item is not aligned with those above", hint)
    hint = "write the list below its key, with nothing after the colon"
    return Told("an item of a list cannot stand among keys", hint)


def _item_in_line(trouble: Trouble) -> Told:
    if trouble.after.strip() == "-":
        return Told("a dash alone starts a list", 'quote it: "-"')
    return Told("a list cannot start in the line of its key", "start it in the next line")


def _document(trouble: Trouble) -> Told:
    """Explain what stands behind a document that has come to its end."""
    first = number = trouble.place[0]
    while above := trouble.above(first):
        first = above
    line = trouble.line(first)
    if indent(line) > indent(trouble.line(number)):
        hint = "start every key of the file in the same column"
        return Told("this is indented less than the first key", hint)
    if section := re.fullmatch(r"\[(\w+)\]\s*", line):
        hint = f"write {section[1]}: and indent its keys below"
        return Told("[ ] starts a list, and no section", hint, (first, 1))
    return Told("the document is complete above this", f"{_WRITE}, in every line")


def _open_quotes(trouble: Trouble) -> Told:
    sign = trouble.rest(trouble.since)[:1]
    began = (trouble.since, "the text starts here")
    return Told("a text in quotes is not closed", f"close it with {sign}", began=began)


def _escape(trouble: Trouble) -> Told:
    number, _ = trouble.place
    start = trouble.line(number).rfind("\\", 0, trouble.place[1])
    escape = trouble.rest((number, start + 1))[:2]
    hint = r"write \\ for one backslash, or use single quotes"
    return Told(f"{escape} is no escape that YAML knows", hint, (number, start + 1))


def _text(trouble: Trouble) -> Told:
    hint = f"{trouble.quote(trouble.since)}; or start the text in the next line"
    sign = trouble.rest(trouble.since)[:1]
    return Told(f"nothing can follow {sign} in its line", hint, trouble.since)


_EXPLAINERS: dict[str, Callable[[Trouble], Told]] = {
    "found character that cannot start any token": _sign,
    "found a tab character that violates indentation": _tab,
    "found a tab character where an indentation space is expected": _tab,
    "did not find expected ',' or ']'": behind_value,
    "did not find expected ',' or '}'": behind_value,
    "did not find expected node content": no_value,
    "mapping values are not allowed in this context": _colon,
    "mapping keys are not allowed in this context": _reserved,
    "found undefined tag handle": _reserved,
    "found unexpected ':'": _tight_colon,
    "found an indentation indicator equal to 0": _text,
    "block sequence entries are not allowed in this context": _item_in_line,
    "could not find expected ':'": _no_colon,
    "did not find expected key": _no_part,
    "did not find expected '-' indicator": _no_part,
    "did not find expected <document start>": _document,
    "found unexpected end of stream": _open_quotes,
    "found unexpected document indicator": _open_quotes,
    "found unknown escape character": _escape,
    "did not find expected hexdecimal number": _escape,
    "found invalid Unicode character escape code": _escape,
    "did not find expected comment or line break": _text,
}
_CONTEXTS: dict[str, Callable[[Trouble], Told]] = dict.fromkeys(
    (
        "while scanning an alias",
        "while scanning an anchor",
        "while scanning a tag",
        "while scanning a directive",
        "while parsing a tag",
    ),
    _reserved,
)
