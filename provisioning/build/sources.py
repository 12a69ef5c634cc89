"""Knows the files of the project as this run has seen them, and which of them a content takes."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import cache, lru_cache, partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.build.glob import base_of, is_glob, literal_prefix, matcher
from provisioning.build.signature import bytes_of, from_bytes, is_settled
from provisioning.build.tree import BUILT_IN_EXCLUDES, Tree
from provisioning.spec.inputs import leads_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from provisioning.build.gitignore import Ignored
    from provisioning.build.signature import Signature
    from provisioning.build.tree import Found


class Selection(NamedTuple):
    """What a content takes: files below `base`, and which of its excludes left nothing out."""

    base: str  # relative to the project, "" for the project itself, else with a trailing slash
    files: Sequence[tuple[str, int]]
    """Each with its mode."""
    idle_excludes: tuple[int, ...]


def why_none(pattern: str) -> str:
    """Why `pattern` is none of gitignore(5)'s, or "" where it is."""
    from provisioning.build.gitignore import PatternError  # noqa: PLC0415 - as below

    try:
        _ignored([pattern])
    except PatternError as error:
        return str(error)
    return ""


class Sources:
    """The trees of one project, each walked once, however many variants share it.

    `output` is a directory of the project, the build's own, into which nothing looks. `tool` is a
    file that every package brings along, if any.
    """

    def __init__(self, output: str, tool: str = "") -> None:
        self.tool = tool
        self._output = os.path.normpath(output)
        self._trees: dict[str, Tree] = {}
        self._alone: dict[str, bytes | OSError] = {}
        self._looks: dict[str, tuple[str, Tree | None]] = {}
        self._near: tuple[str, Tree | None] = "", None
        self._inside = os.path.realpath(output)
        self.leads_out = cache(partial(leads_out, Path()))
        """Whether a path leads out of the project: looked for once, as many variants may ask."""
        self.taken_at = time.time_ns()

    def __reduce__(self) -> tuple[type[Sources], tuple[str, str]]:
        """Be sent to another process without the trees, which it can walk itself."""
        return Sources, (self._output, self.tool)

    def renewed(self) -> Sources:
        """The same, with nothing seen yet."""
        return Sources(self._output, self.tool)

    def select(self, source: str, excludes: Sequence[str]) -> Selection:
        """The files that the directory or glob `source` stands for, less what is excluded.

        A glob stands for files, never for the directories it matches: `**/` reaches into those.
        Directories without files are nothing, as with git.

        Raises:
            OSError: a directory cannot be listed.
        """
        base = base_of(source)
        found: Sequence[tuple[str, int]] = self.tree(base).files
        if is_glob(source):
            matches = matcher(source[len(base) :])
            found = [each for each in found if matches(each[0])]
        return Selection(base, kept(found, excludes), _idle(found, excludes))

    def forget_lists(self) -> None:
        """Give up the lists of all files, once everything is laid out; who asks has them anew."""
        for tree in self._trees.values():
            tree.__dict__.pop("files", None)

    def tree(self, base: str) -> Tree:
        """What lies below `base`."""
        if base not in self._trees:
            self._trees[base] = Tree(base or ".", self._output)
        return self._trees[base]

    def walked(self, source: str) -> Iterator[str]:
        """Every file among which are those that `source` stands for, in no order."""
        _, tree = self._look(source)
        return tree.paths(base_of(source)) if tree else iter((source,))

    def signature(self, path: str) -> Signature:
        """The signature of a file as a walk found it, or else as it is now. Raises OSError."""
        return from_bytes(self.bytes_of(path))

    def bytes_of(self, path: str) -> bytes:
        """The same, spelt as bytes."""
        base, tree = self._near
        # What is asked for next lies most often in the same tree.
        if tree and path.startswith(base) and (seen := tree.bytes_of(path[len(base) :])):
            return seen
        return self._found(path) or self._looked_up(path)

    def _found(self, path: str) -> bytes:
        """What a walk has found at `path`; nothing if none has been there."""
        base = path
        while base:
            base = base[: base.rstrip("/").rfind("/") + 1]
            tree = self._trees.get(base)
            if tree and (seen := tree.bytes_of(path[len(base) :])):
                self._near = base, tree
                return seen
        return b""

    def _looked_up(self, path: str) -> bytes:
        found = self._alone.get(path)
        if found is None:
            try:
                found = bytes_of(os.lstat(path))
            except OSError as error:  # which holds for this run, as a signature does
                found = error
            self._alone[path] = found
        if isinstance(found, OSError):
            raise found
        return found

    def state(self, source: str) -> str:
        """What differs once `source`, a file, directory or glob, may stand for something else.

        Raises:
            OSError: a directory cannot be listed.
        """
        return self._of_tree(source, attrgetter("state"))

    def told(self, source: str) -> str:
        """The state of `source`, or that it cannot be listed."""
        try:
            return self.state(source)
        except OSError as error:
            return str(error.strerror)

    def shape(self, source: str) -> str:
        """What differs once another layout may come of `source`; raises like `state`."""
        return self._of_tree(source, attrgetter("shape"))

    def _of_tree(self, source: str, of: Callable[[Tree], str]) -> str:
        # Another task may make or remove it meanwhile: what is told at the end of a run has to be
        # what was seen when it began, as all else that is remembered with it was.
        if source not in self._looks:
            self._looks[source] = self._look(source)
        place, tree = self._looks[source]
        return f"{place} {of(tree) if tree else self.stamp(source)}"

    def _look(self, source: str) -> tuple[str, Tree | None]:
        """Where `source` lies; and what lies there, if it is a directory, or a glob in one."""
        base = base_of(source)
        if is_glob(source):
            with suppress(FileNotFoundError):
                return os.path.realpath(base), self.tree(base)
            return os.path.realpath(base), None
        return os.path.realpath(source), self.tree(base) if os.path.isdir(source) else None

    def found(self) -> dict[str, list[Found]]:
        """All that walks have found, by their bases."""
        return {base: tree.found for base, tree in self._trees.items()}

    def changed(self, before: Mapping[str, list[Found]]) -> dict[str, Signature]:
        """The files that may hold something else than when `found` gave `before`, of trees of the
        same shape.
        """
        changed: dict[str, Signature] = {}
        for base, tree in self._trees.items():
            below = ((base + path, now) for path, now in tree.changed(before[base]))
            changed.update(below)
        return changed

    def stamp(self, path: str) -> str:
        """What differs once a file may hold something else; it need not exist."""
        try:
            return repr(tuple(self.signature(path)))
        except OSError:
            return ""

    def settled(self) -> bool:
        """Whether every change since these files were looked at would show."""
        stamps = [tree.newest for tree in self._trees.values()]
        # The tool may have been made a moment ago; it is another one where this program is.
        alone = (each for path, each in self._alone.items() if path != self.tool)
        stamps += [from_bytes(each).ctime for each in alone if isinstance(each, bytes)]
        return all(is_settled(ctime, self.taken_at) for ctime in stamps)

    def is_output(self, source: str) -> bool:
        """Whether `source` lies in the directory into which nothing looks."""
        place = os.path.realpath(literal_prefix(source) or source)
        return f"{place}/".startswith(f"{self._inside}/")


def kept(files: Sequence[tuple[str, int]], excludes: Sequence[str]) -> Sequence[tuple[str, int]]:
    """`files` without those that `excludes` match, by gitignore's rules: the last match decides."""
    if not excludes:
        return files
    ignored = _ignored(excludes)
    return [file for file in files if file[0] not in ignored]


def _idle(files: Sequence[tuple[str, int]], excludes: Sequence[str]) -> tuple[int, ...]:
    """The numbers of those of `excludes` that change nothing, which is most likely a mistake."""
    return tuple(
        number
        for number, pattern in enumerate(excludes)
        if pattern.rstrip("/") not in BUILT_IN_EXCLUDES and not _changes(pattern, files, excludes)
    )


def _changes(pattern: str, files: Sequence[tuple[str, int]], excludes: Sequence[str]) -> bool:
    matching = _ignored([pattern.removeprefix("!")])
    found = (path for path, _ in files if path in matching)
    if not pattern.startswith("!"):
        return any(True for _ in found)
    ignored = _ignored(excludes)  # what lies in a directory that is, nothing takes back
    return any(not ignored.holds_directory(path.rpartition("/")[0]) for path in found)


def _ignored(patterns: Sequence[str]) -> Ignored:
    return _read_once(tuple(patterns))


@lru_cache(maxsize=8)  # of one content, path by path
def _read_once(patterns: tuple[str, ...]) -> Ignored:
    # Imported here: a cost that a project without excludes, or with nothing to do, does not owe.
    from provisioning.build.gitignore import Ignored  # noqa: PLC0415

    return Ignored(patterns)
