"""Knows what a glob means, and which directory it looks into."""

from __future__ import annotations

import fnmatch
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    Component: TypeAlias = Callable[[str], object] | None

_GLOB = re.compile(r"[*?[]")


def is_glob(source: str) -> bool:
    """Whether `source` is a pattern rather than the name of a file or directory.

    What is there under this very name, and would not be matched by it, is meant: `pages/[id].html`.
    """
    return _GLOB.search(source) is not None and not _is_name(source)


def _is_name(source: str) -> bool:
    # Every other pattern matches what is called as it is.
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
    return [None if part == "**" else _component(part) for part in parts]


def _component(pattern: str) -> Component:
    return re.compile(fnmatch.translate(pattern)).match


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
