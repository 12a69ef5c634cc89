"""Knows which files patterns leave out: gitignore(5), as dir.c and wildmatch.c of git have it.

But for two stars behind a name (`a**/b`), which git takes for any directories, against its manual;
and a character is one, where git takes each byte of its UTF-8 for one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# POSIX's, in the locale C: git asks no other. Within a class of Python's.
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t-\\r ",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
# What opens a class of characters closes it too: `[[:alpha:]` is not closed.
_NAMED = r"\[:(?P<name>[^]]*):\]"
_IN_SET = r"(?:\[:[^]]*:\] | \\. | (?!\[:[^]]*:\])[^]\\])"
_PIECE = re.compile(
    rf"""(?P<deep>(?:(?<=/)|\A)\*\*+/) | (?P<below>(?<=/)\*\*+\Z) | (?P<some>\*+) | (?P<one>\?)
      | \[(?P<not>[!^]|(?![!^]))(?P<set>(?:\]|{_IN_SET}){_IN_SET}*)\] | \\(?P<escaped>.)
      | (?P<plain>[^\\[]) """,
    re.VERBOSE | re.DOTALL,
)
_MEMBER = re.compile(rf"{_NAMED}|\\?(?P<first>.)(?:-\\?(?P<last>.))?", re.DOTALL)


class PatternError(ValueError):
    """A pattern that means nothing, or never anything."""


class _Rule(NamedTuple):
    takes_back: bool
    directories: bool
    """It matches directories alone."""
    by_name: bool
    """It matches a name, at any depth."""
    match: Callable[[str], object]


class Ignored:
    """The files that `patterns` leave out. Raises PatternError."""

    def __init__(self, patterns: Iterable[str]) -> None:
        rules = [rule for pattern in patterns if (rule := _rule(pattern))]
        self._rules = rules[::-1]  # the last one that matches decides
        self._directories = {"": False}

    def __contains__(self, path: str) -> bool:
        above = path.rpartition("/")[0]
        return self.holds_directory(above) or self._decides(path, is_directory=False)

    def holds_directory(self, path: str) -> bool:
        """Whether a directory is left out: nothing takes back what lies below one that is."""
        known = self._directories
        if path not in known:
            above = path.rpartition("/")[0]
            known[path] = self.holds_directory(above) or self._decides(path, is_directory=True)
        return known[path]

    def _decides(self, path: str, *, is_directory: bool) -> bool:
        name = path.rpartition("/")[2]
        for rule in self._rules:
            is_meant = is_directory or not rule.directories
            if is_meant and rule.match(name if rule.by_name else path):
                return not rule.takes_back
        return False


def _rule(pattern: str) -> _Rule | None:
    """What a pattern says; None where it says nothing, as a comment does."""
    text = _stripped(pattern)
    if not text or text.startswith("#"):
        return None
    takes_back = text.startswith("!")
    text = text[takes_back:]
    directories = text.endswith("/")
    text = text[: len(text) - directories]
    by_name = "/" not in text
    text = text.removeprefix("/")
    if not text:
        raise PatternError("it names nothing")
    match = re.compile("".join(_pieces(text, by_name=by_name)), re.DOTALL).fullmatch
    return _Rule(takes_back, directories, by_name, match)


def _stripped(pattern: str) -> str:
    """`pattern` without blanks at its end, but for one that a backslash keeps."""
    text = pattern.rstrip(" ")
    slashes = len(text) - len(text.rstrip("\\"))
    return text + " " * (slashes % 2 and len(text) < len(pattern))


def _pieces(pattern: str, *, by_name: bool) -> Iterator[str]:
    at = 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if not piece:
            what = "[ is not closed" if pattern[at] == "[" else "a backslash stands at the end"
            raise PatternError(f"{what}; write a backslash before what is meant as it is")
        at = piece.end()
        if piece["deep"]:
            yield "(?:.*/)?"
        elif piece["below"]:
            yield ".*"
        elif piece["some"]:
            yield ".*" if by_name else "[^/]*"
        elif piece["one"]:
            yield "[^/]"
        elif piece["set"] is not None:
            yield _set(piece["set"], negated=bool(piece["not"]))
        else:
            yield re.escape(piece["escaped"] or piece["plain"])


def _set(text: str, *, negated: bool) -> str:
    members = "".join(map(_member, _MEMBER.finditer(text)))
    return f"(?!/)[{'^' * negated}{members}]"


def _member(member: re.Match[str]) -> str:
    if member["name"] is not None:
        if member["name"] not in _CLASSES:
            known = ", ".join(_CLASSES)
            raise PatternError(f"[:{member['name']}:] is no class of characters; known: {known}")
        return _CLASSES[member["name"]]
    first, last = member["first"], member["last"]
    if last is None:
        return re.escape(first)
    if last < first:
        raise PatternError(f"{first}-{last} is a range from its end to its beginning")
    return f"{re.escape(first)}-{re.escape(last)}"
