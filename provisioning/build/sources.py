"""Knows which files of the project a content takes: directories, globs and excludes."""

from __future__ import annotations

import os
import re
import stat
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pathspec import GitIgnoreSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# What no package wants: left out unless a content names the very file.
BUILT_IN_EXCLUDES = (".DS_Store", "._*", ".AppleDouble/", "__pycache__/", "*.py[co]", ".git/")

_GLOB = re.compile(r"[*?[]")
_TOKEN = re.compile(r"\*\*/|\*\*$|\*|\?|\[!?\]?[^]]*\]|.", re.DOTALL)


class Selection(NamedTuple):
    """What a content takes: paths below `base`, and which of its excludes left nothing out."""

    base: str  # relative to the project, "" for the project itself, else with a trailing slash
    files: tuple[tuple[str, int], ...]
    idle_excludes: tuple[int, ...]


def is_glob(source: str) -> bool:
    """Whether `source` is a pattern rather than the name of a file or directory."""
    return _GLOB.search(source) is not None


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
        pattern = re.compile(glob_regex(source[len(base) :])) if is_glob(source) else None
        found = [
            (path, kind)
            for path, kind in self._list(base or ".")
            if pattern is None or pattern.fullmatch(path)
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


def glob_regex(pattern: str) -> str:
    """The regular expression of a glob: `*` and `?` stay in one directory, `**/` is any depth."""
    return "".join(_translate(token) for token in _TOKEN.findall(pattern))


def _translate(token: str) -> str:
    if token.startswith("[") and len(token) > 1:
        inside = token[1:-1].replace("\\", r"\\")
        negated = inside.startswith("!")
        return f"(?!/)[{'^' if negated else ''}{inside[negated:]}]"
    fixed = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return fixed.get(token, re.escape(token))


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
