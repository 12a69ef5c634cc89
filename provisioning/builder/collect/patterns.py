"""Globs of `src`, and gitignore patterns of `exclude`."""

from __future__ import annotations

import fnmatch
import os
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    Component: TypeAlias = Callable[[str], object] | None

_GLOB = re.compile(r"[*?[]")


def is_glob(source: str) -> bool:
    """Whether `source` is a pattern rather than the name of a file or directory.

    If something has exactly this name and the pattern would not match it, the name is meant:
    `pages/[id].html`.
    """
    return _GLOB.search(source) is not None and not _is_name(source)


def _is_name(source: str) -> bool:
    # Every other pattern matches its own text.
    has_brackets = "[" in source and os.path.lexists(source)
    return has_brackets and not matcher(source)(source.rstrip("/"))


def literal_prefix(pattern: str) -> str:
    """The directory of a glob before its first wildcard: "src/" of "src/**/*.py"."""
    match = _GLOB.search(pattern)
    head = pattern[: match.start()] if match and is_glob(pattern) else pattern
    return head[: head.rfind("/") + 1]


def base_of(source: str) -> str:
    """The directory that a directory or glob takes its files from, "" or with a trailing slash."""
    return literal_prefix(source) if is_glob(source) else source.rstrip("/") + "/"


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a path matches a glob: `*` and `?` stay in one directory, `**` is any depth.

    Each component is fnmatch(3)'s business; the time is bounded by the product of the lengths,
    where one regular expression for all of it could be made to backtrack for hours.
    """
    names = _components(pattern)
    return lambda path: matches(names, path)


def matches(names: Sequence[Component], path: str) -> bool:
    """Whether each of `names` matches its part of a path; None does any number of parts."""
    return len(names) in _places(names, path.split("/"))


def reached_by(pattern: str, path: str) -> tuple[bool, bool]:
    """Whether `path` matches a glob, and whether what lies below it could."""
    names = _components(pattern)
    places = _places(names, path.split("/"))
    return len(names) in places, any(place < len(names) for place in places)


def _components(pattern: str) -> list[Component]:
    parts = pattern.split("/")
    if parts[-1] == "**":
        parts.append("*")  # what lies below a directory, and not the directory
    return [None if part == "**" else re.compile(fnmatch.translate(part)).match for part in parts]


def _places(names: Sequence[Component], path: Sequence[str]) -> set[int]:
    """Walk along `path` with all places in the pattern that may have been reached."""
    places = {0}
    for component in path:
        for place, name in enumerate(names):
            if name is None and place in places:
                places.add(place + 1)  # `**` may stand for nothing
        places = {
            place + (names[place] is not None)
            for place in places
            if place < len(names) and _steps(names[place], component)
        }
    return places


def _steps(name: Component, component: str) -> bool:
    return name is None or name(component) is not None


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
    rf"""(?P<deep>(?:(?<=/)|\A)\*\*+(?=/|\Z)) | (?P<some>\*+) | (?P<one>\?) | (?P<slash>/)
      | \[(?P<not>[!^]|(?![!^]))(?P<set>(?:\]|{_IN_SET}){_IN_SET}*)\] | \\(?P<escaped>.)
      | (?P<plain>[^\\[]) """,
    re.VERBOSE | re.DOTALL,
)
_MEMBER = re.compile(rf"{_NAMED}|\\?(?P<first>.)(?:-\\?(?P<last>.))?", re.DOTALL)


class PatternError(ValueError):
    """A pattern that is malformed, or can match nothing."""


class _IgnoreRule(NamedTuple):
    takes_back: bool
    directories: bool
    """It matches directories alone."""
    by_name: bool
    """It matches a name, at any depth."""
    names: list[Component]


class Ignored:
    """The files that gitignore `patterns` exclude. Raises PatternError."""

    def __init__(self, patterns: Iterable[str]) -> None:
        rules = [rule for pattern in patterns if (rule := _rule(pattern))]
        self._rules = rules[::-1]  # the last one that matches decides
        self._directories = {"": False}

    def __contains__(self, path: str) -> bool:
        above = path.rpartition("/")[0]
        return self.holds_directory(above) or self._decides(path, is_directory=False)

    def holds_directory(self, path: str) -> bool:
        """Whether a directory is excluded: nothing below it can be included again."""
        known = self._directories
        if path not in known:
            above = path.rpartition("/")[0]
            known[path] = self.holds_directory(above) or self._decides(path, is_directory=True)
        return known[path]

    def _decides(self, path: str, *, is_directory: bool) -> bool:
        first, name = path.partition("/")[0], path.rpartition("/")[2]
        for rule in self._rules:
            # Nearly every path that does not match differs in its name, which is compared first.
            start, end = rule.names[0], rule.names[-1]
            if (rule.directories and not is_directory) or not (end and end(name)):
                continue
            if rule.by_name or ((not start or start(first)) and matches(rule.names, path)):
                return not rule.takes_back
        return False


def _rule(pattern: str) -> _IgnoreRule | None:
    """Parse a pattern; None for a comment or a blank line."""
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
    names = _ignored_components(text, by_name=by_name)
    return _IgnoreRule(takes_back, directories, by_name, names)


def _stripped(pattern: str) -> str:
    """`pattern` without blanks at its end, except one that a backslash keeps."""
    text = pattern.rstrip(" ")
    slashes = len(text) - len(text.rstrip("\\"))
    return text + " " * (slashes % 2 and len(text) < len(pattern))


def _ignored_components(pattern: str, *, by_name: bool) -> list[Component]:
    """Matchers for the names of a path, one after the other; None for any number of names."""
    names: list[Component] = []
    chunks = [""]  # of the name that is being read: what stands between its stars
    for piece in _pieces(pattern):
        if piece["deep"] and not by_name:
            names.append(None)
            chunks = [] if piece.end() < len(pattern) else ["", ""]  # something lies below
        elif piece["slash"] or piece["escaped"] == "/":
            names += [_name(chunks)] if chunks else []
            chunks = [""]
        elif piece["deep"] or piece["some"]:
            chunks.append("")
        else:
            chunks[-1] += _one(piece)
    return [*names, _name(chunks)]


def _name(chunks: Sequence[str]) -> Component:
    """A matcher of a name: it matches each chunk where it first occurs, which keeps it fast."""
    first, *rest = chunks
    if not rest:
        return re.compile(first, re.DOTALL).fullmatch
    found = [f"(?=(?P<c{at}>.*?{chunk}))(?P=c{at})" for at, chunk in enumerate(rest[:-1])]
    return re.compile(f"{first}{''.join(found)}.*{rest[-1]}", re.DOTALL).fullmatch


def _pieces(pattern: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if not piece:
            what = "[ is not closed" if pattern[at] == "[" else "a backslash stands at the end"
            raise PatternError(
                f"{what}; write a backslash before a character that is meant literally"
            )
        at = piece.end()
        yield piece


def _one(piece: re.Match[str]) -> str:
    """A matcher of one character."""
    if piece["one"]:
        return "."
    if piece["set"] is not None:
        members = "".join(map(_member, _MEMBER.finditer(piece["set"])))
        return f"[{'^' * bool(piece['not'])}{members}]"
    return re.escape(piece["escaped"] or piece["plain"])


def _member(member: re.Match[str]) -> str:
    if member["name"] is not None:
        if member["name"] not in _CLASSES:
            known = ", ".join(_CLASSES)
            raise PatternError(f"[:{member['name']}:] is not a character class; known: {known}")
        return _CLASSES[member["name"]]
    first, last = member["first"], member["last"]
    if last is None:
        return re.escape(first)
    if last < first:
        raise PatternError(f"{first}-{last} is a range in reverse order")
    return f"{re.escape(first)}-{re.escape(last)}"
