"""Knows what people meant who wrote lists and maps in brackets that libyaml cannot read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioning.spec.trouble import PLACEHOLDER, Told, indent, start

if TYPE_CHECKING:
    from provisioning.spec.trouble import Place, Trouble

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
