"""Knows which files of the project a content takes: directories, globs and excludes."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pathspec import GitIgnoreSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# What no package wants: left out unless a content names the very file.
BUILT_IN_EXCLUDES = (".DS_Store", "._*", ".AppleDouble/", "__pycache__/", "*.py[co]", ".git/")

_GLOB = re.compile(r"[*?[]")


class Selection(NamedTuple):
    """What a content takes: paths below `base`, and which of its excludes left nothing out."""

    base: str  # relative to the project, "" for the project itself, else with a trailing slash
    files: tuple[tuple[str, int], ...]
    idle_excludes: tuple[int, ...]


def is_glob(source: str) -> bool:
    """Whether `source` is a pattern rather than the name of a file or directory."""
    return _GLOB.search(source) is not None


def is_exclude(pattern: str) -> bool:
    """Whether gitignore(5) has a meaning for `pattern`."""
    try:
        GitIgnoreSpec.from_lines([pattern])
    except (ValueError, re.error):
        return False
    return True


def literal_prefix(pattern: str) -> str:
    """The directory of a glob before its first wildcard: "src/" of "src/**/*.py"."""
    match = _GLOB.search(pattern)
    head = pattern[: match.start()] if match else pattern
    return head[: head.rfind("/") + 1]


class Sources:
    """The trees of one project, each listed once, however many variants share it.

    `skip` is a directory of the project (its output) into which nothing looks.
    """

    def __init__(self, skip: str) -> None:
        self._skip = os.path.normpath(skip)
        self._listings: dict[str, tuple[tuple[str, int], ...]] = {}

    def select(self, source: str, excludes: Sequence[str]) -> Selection:
        """The files that the directory or glob `source` stands for, less what is excluded.

        A glob stands for files, never for the directories it matches: `**/` reaches into those.
        Directories without files are nothing, as with git.

        Raises:
            OSError: a directory cannot be listed.
        """
        base = literal_prefix(source) if is_glob(source) else source.rstrip("/") + "/"
        matches = matcher(source[len(base) :]) if is_glob(source) else None
        found = [
            (path, kind)
            for path, kind in self._list(base or ".")
            if matches is None or matches(path)
        ]
        return Selection(base, tuple(_kept(found, excludes)), _idle(found, excludes))

    def is_output(self, source: str) -> bool:
        """Whether `source` lies in the directory into which nothing looks."""
        return f"{os.path.normpath(source)}/".startswith(f"{self._skip}/")

    def _list(self, directory: str) -> tuple[tuple[str, int], ...]:
        if directory not in self._listings:
            self._listings[directory] = tuple(sorted(self._walk(directory, "")))
        return self._listings[directory]

    def _walk(self, directory: str, below: str) -> Iterator[tuple[str, int]]:
        with os.scandir(directory) as entries:
            for entry in entries:
                path = below + entry.name
                # Nothing is entered through a symbolic link: links stay links.
                if entry.is_dir(follow_symlinks=False):
                    if self._enters(entry.path, path):
                        yield from self._walk(entry.path, path + "/")
                elif not _built_in().match_file(path):
                    yield path, _kind(entry)

    def _enters(self, directory: str, path: str) -> bool:
        return os.path.normpath(directory) != self._skip and not _built_in().match_file(path + "/")


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a path matches a glob: `*` and `?` stay in one directory, `**` is any depth.

    Each component is fnmatch(3)'s business; the time is bounded by the product of the lengths,
    where one regular expression for all of it could be made to backtrack for hours.
    """
    parts = pattern.split("/")
    if parts[-1] == "**":
        parts.append("*")  # what lies below a directory, and not the directory
    names = [None if part == "**" else _component(part) for part in parts]
    return lambda path: _matches(names, path.split("/"))


def _component(pattern: str) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(pattern)).match


def _matches(names: Sequence[Callable[[str], object] | None], path: Sequence[str]) -> bool:
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
    return len(names) in places


def _steps(name: Callable[[str], object] | None, component: str) -> bool:
    return name is None or name(component) is not None


def _kept(files: list[tuple[str, int]], excludes: Sequence[str]) -> Iterable[tuple[str, int]]:
    """`files` without those that `excludes` match, by gitignore's rules: the last match decides."""
    if not excludes:
        return files
    spec = GitIgnoreSpec.from_lines(excludes)
    return (file for file in files if not spec.match_file(file[0]))


def _idle(files: list[tuple[str, int]], excludes: Sequence[str]) -> tuple[int, ...]:
    """The numbers of those of `excludes` that match nothing, which is most likely a mistake."""
    return tuple(
        number
        for number, pattern in enumerate(excludes)
        if pattern not in BUILT_IN_EXCLUDES and not _matches_any(pattern.lstrip("!"), files)
    )


def _matches_any(pattern: str, files: list[tuple[str, int]]) -> bool:
    spec = GitIgnoreSpec.from_lines([pattern])
    return any(spec.match_file(path) for path, _ in files)


def _kind(entry: os.DirEntry[str]) -> int:
    """The `stat.S_IFMT` type of a path that is no directory, from the listing where it tells."""
    if entry.is_symlink():
        return stat.S_IFLNK
    if entry.is_file(follow_symlinks=False):
        return stat.S_IFREG
    return stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)


@cache
def _built_in() -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(BUILT_IN_EXCLUDES)
