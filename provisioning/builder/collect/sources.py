"""The files below the project's directories, as one walk finds them, and their state."""

from __future__ import annotations

import hashlib
import marshal
import os
import stat
import time
from bisect import bisect_left
from contextlib import suppress
from functools import cache, cached_property, lru_cache, partial
from itertools import chain
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import provisioning
from provisioning.artifact.process_pool import spread
from provisioning.builder.collect.file_state import (
    MARSHAL,
    WIDTH,
    Signature,
    bytes_of,
    from_bytes,
    is_settled,
    numbers,
    rows,
    to_bytes,
)
from provisioning.builder.collect.patterns import (
    Ignored,
    PatternError,
    base_of,
    is_glob,
    literal_prefix,
    matcher,
)
from provisioning.spec.resolve.inputs import leads_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Found = tuple[str, list[str], bytes]


# What no package wants, be it a file or a directory: left out unless a content names it.
BUILT_IN_EXCLUDES = (
    *(".DS_Store", "._*", ".AppleDouble", "__pycache__", "*.py[co]"),
    *(".git", ".svn", ".hg"),  # a worktree's, and a submodule's, `.git` is a file
)
_UNWANTED = frozenset({".DS_Store", ".AppleDouble", "__pycache__", ".git", ".svn", ".hg"})

_FORMAT = stat.S_IFMT(0o777777)  # the bits of a mode that tell files, links and others apart
_ctime, _mode = (itemgetter(Signature._fields.index(name)) for name in ("ctime", "mode"))
_name = attrgetter("name")
_KIND = _FORMAT | 0o111  # of a mode: what a layout asks for
_WORTHWHILE = 200  # directories: to look into fewer takes less time than to fork


class Tree:
    """The files below `directory`, less BUILT_IN_EXCLUDES; links are files, and never followed.

    `skip` is a directory of the project (its output) that is never searched.

    Raises:
        OSError: a directory cannot be listed.
    """

    def __init__(self, directory: str, skip: str) -> None:
        self._skip = os.path.realpath(skip)
        self._directory = directory
        self._place = os.path.realpath(directory)
        self.found: list[Found] = sorted(self._walk())
        """By directory."""

    @cached_property
    def state(self) -> str:
        """A value that changes whenever anything below the directory may have changed."""
        return hashlib.sha256(marshal.dumps(self.found, MARSHAL)).hexdigest()

    @cached_property
    def shape(self) -> str:
        """A value that changes whenever there are other files, or one is of another kind or leads
        elsewhere. It stays the same if only contents change.
        """
        shapes = [(below, names, _kinds(stamps)) for below, names, stamps in self.found]
        return hashlib.sha256(marshal.dumps(shapes, MARSHAL)).hexdigest()

    def changed(self, before: list[Found]) -> Iterator[tuple[str, Signature]]:
        """The files whose contents may differ from those in a tree of the same shape."""
        for (below, names, stamps), (_, _, old) in zip(self.found, before, strict=True):
            if stamps != old:
                for name, now, was in zip(names, rows(stamps), rows(old), strict=True):
                    if now != was:
                        yield below + name, Signature._make(now)

    def has_files_of(self, before: list[Found]) -> bool:
        """Whether another tree has files of the same names."""
        return [each[:2] for each in self.found] == [each[:2] for each in before]

    @cached_property
    def newest(self) -> int:
        """The latest ctime of a file, in nanoseconds."""
        times = (map(_ctime, rows(stamps)) for _, _, stamps in self.found)
        return max(chain.from_iterable(times), default=0)

    @cached_property
    def files(self) -> list[tuple[str, int]]:
        """Every file and its mode; its path is relative to the directory, and they are sorted."""
        modes = (
            zip(map(below.__add__, names), map(_mode, rows(stamps)), strict=True)
            for below, names, stamps in self.found
        )
        return sorted(chain.from_iterable(modes))

    def bytes_of(self, path: str) -> bytes:
        """The signature of a file as bytes, by its path relative to the directory; or nothing."""
        below, name = path[: path.rfind("/") + 1], path[path.rfind("/") + 1 :]
        names, stamps = self._by_directory.get(below, ((), b""))
        number = bisect_left(names, name)
        if names[number : number + 1] != [name]:
            return b""
        return stamps[number * WIDTH : (number + 1) * WIDTH]

    @cached_property
    def _by_directory(self) -> dict[str, tuple[list[str], bytes]]:
        return {below: (names, stamps) for below, names, stamps in self.found}

    def paths(self, base: str) -> Iterator[str]:
        """Every file, with `base` in front, in no order."""
        # Of 100,000, however few are asked about: no loop of Python's for each.
        named = (map(f"{base}{below}".__add__, names) for below, names, _ in self.found)
        return chain.from_iterable(named)

    def _walk(self) -> Iterator[Found]:
        level = [""]
        while level and len(level) < _WORTHWHILE:
            deeper: list[str] = []
            for below in level:
                yield self._look(below, deeper)
            level = deeper
        # Large trees are wide somewhere near the top: what lies there is shared.
        yield from chain.from_iterable(spread(lambda at: self._all_below(level[at]), len(level)))

    def _all_below(self, below: str) -> list[Found]:
        found: list[Found] = []
        left = [below]
        while left:
            found.append(self._look(left.pop(), left))
        return found

    def _look(self, below: str, deeper: list[str]) -> Found:
        """Look into one directory; those that are in it join `deeper`."""
        place = os.path.join(self._place, below.rstrip("/")).rstrip("/")
        names: list[str] = []
        stamps: list[int] = []
        with os.scandir(os.path.join(self._directory, below)) as entries:
            for entry in sorted(entries, key=_name):
                name = entry.name
                if _is_unwanted(name):  # guard: unwanted-entries
                    continue
                if entry.is_dir(follow_symlinks=False):  # guard: directory-by-a-link
                    if f"{place}/{name}" != self._skip:
                        deeper.append(f"{below}{name}/")
                else:
                    names.append(name)
                    stamps += numbers(entry.stat(follow_symlinks=False))
        return below, names, to_bytes(stamps)


def _kinds(stamps: bytes) -> list[int | bytes]:
    """What a layout needs to know of each file; of anything but a regular file, everything."""
    return [
        mode & _KIND
        if mode & _FORMAT == stat.S_IFREG
        else stamps[number * WIDTH : (number + 1) * WIDTH]
        for number, mode in enumerate(map(_mode, rows(stamps)))
    ]


def is_left_out(path: str) -> bool:
    """Whether BUILT_IN_EXCLUDES leave out a file below a directory, or a directory on the way."""
    return any(map(_is_unwanted, path.split("/")))


def _is_unwanted(name: str) -> bool:
    """Whether BUILT_IN_EXCLUDES leave out what has this name."""
    # guard: unwanted-names
    return name.endswith((".pyc", ".pyo")) or name.startswith("._") or name in _UNWANTED


class Selection(NamedTuple):
    """What a content takes: files below `base`, and which of its excludes left nothing out."""

    base: str  # relative to the project, "" for the project itself, else with a trailing slash
    files: Sequence[tuple[str, int]]
    """Each with its mode."""
    idle_excludes: tuple[int, ...]


def why_none(pattern: str) -> str:
    """Why `pattern` is not one of gitignore(5), or "" if it is."""
    try:
        _ignored([pattern])
    except PatternError as error:
        return str(error)
    return ""


class Sources:
    """The trees of one project, each walked once, however many variants share it.

    `output` is a directory of the project, the build's own, that is never searched. `tool` is a
    file that every package brings along, if any.
    """

    def __init__(self, output: str, tool: str = "") -> None:
        self.tool = tool
        self.output = os.path.normpath(output)
        self._trees: dict[str, Tree] = {}
        self._alone: dict[str, bytes | OSError] = {}
        self._looks: dict[str, tuple[str, Tree | None]] = {}
        self._near: tuple[str, Tree | None] = "", None
        self._inside = os.path.realpath(output)
        self.leads_out = cache(partial(leads_out, Path()))
        """Whether a path leads out of the project: looked for once, as many variants may ask."""
        self.taken_at = time.time_ns()

    def __reduce__(self) -> tuple[type[Sources], tuple[str, str]]:
        """Pickle without the trees: another process can walk them itself."""
        return Sources, (self.output, self.tool)

    def renewed(self) -> Sources:
        """The same, with nothing seen yet."""
        return Sources(self.output, self.tool)

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
        return Selection(base, kept(found, excludes), idle(found, excludes))

    def forget_lists(self) -> None:
        """Drop the lists of all files, once everything is laid out; they can be made again."""
        for tree in self._trees.values():
            tree.__dict__.pop("files", None)

    def tree(self, base: str) -> Tree:
        """What lies below `base`."""
        if base not in self._trees:
            self._trees[base] = Tree(base or ".", self.output)
        return self._trees[base]

    def walked(self, source: str) -> Iterator[str]:
        """All files that `source` may stand for, and maybe others, in no order."""
        _, tree = self._look(source)
        return tree.paths(base_of(source)) if tree else iter((source,))

    def signature(self, path: str) -> Signature:
        """The signature of a file as a walk found it, or else as it is now. Raises OSError."""
        return from_bytes(self.bytes_of(path))

    def bytes_of(self, path: str) -> bytes:
        """The same, as bytes."""
        base, tree = self._near
        # The next file is most often in the same tree.
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
        """A value that changes whenever `source`, a file, directory or glob, may stand for
        something else.

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
        """A value that changes when `source` may give another layout; raises like `state`."""
        return self._of_tree(source, attrgetter("shape"))

    def _of_tree(self, source: str, of: Callable[[Tree], str]) -> str:
        # Another task may make or remove it meanwhile: what is recorded at the end of a run must be
        # what was seen at its beginning, like everything that is recorded with it.
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
        """The files whose content may have changed since `found` returned `before`.

        Trees whose files have other names now are left out.
        """
        changed: dict[str, Signature] = {}
        for base, tree in self._trees.items():
            if tree.has_files_of(old := before.get(base, [])):
                changed.update((base + path, now) for path, now in tree.changed(old))
        return changed

    def stamp(self, path: str) -> str:
        """A value that changes whenever a file may have changed; it need not exist."""
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
        """Whether `source` is in the directory that is never searched."""
        place = os.path.realpath(literal_prefix(source) or source)
        return f"{place}/".startswith(f"{self._inside}/")


def kept(files: Sequence[tuple[str, int]], excludes: Sequence[str]) -> Sequence[tuple[str, int]]:
    """`files` without those that `excludes` match, by gitignore's rules: the last match decides."""
    if not excludes:
        return files
    ignored = _ignored(excludes)
    return [file for file in files if file[0] not in ignored]


def idle(files: Sequence[tuple[str, int]], excludes: Sequence[str]) -> tuple[int, ...]:
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
    ignored = _ignored(excludes)  # nothing in an excluded directory can be re-included
    return any(not ignored.holds_directory(path.rpartition("/")[0]) for path in found)


def excluding(path: str, excludes: Sequence[str]) -> int | None:
    """The number of the pattern that leaves out a file, below its content's base; None if none."""
    if path not in _ignored(excludes):
        return None
    # The last that makes a difference: what comes before it has been overruled, or says the same.
    counts = (each for each in range(len(excludes)) if path not in _ignored(excludes[:each]))
    return max(counts)


def _ignored(patterns: Sequence[str]) -> Ignored:
    return _read_once(tuple(patterns))


@lru_cache(maxsize=8)  # of one content, path by path
def _read_once(patterns: tuple[str, ...]) -> Ignored:
    return Ignored(patterns)


@cache
def code_state() -> str:
    """A digest of this program: another version may plan, and make, something else."""
    return Tree(os.path.dirname(provisioning.__file__), os.devnull).state
