"""The files of the project that a variant depends on, compared with a git commit."""

from __future__ import annotations

import hashlib
import os
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from provisioning.builder.collect.patterns import base_of, is_glob, matcher
from provisioning.builder.collect.sources import is_left_out, kept
from provisioning.builder.plan.variant_plan import sources_of
from provisioning.spec.resolve.git import ask
from provisioning.spec.resolve.inputs import leads_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from provisioning.builder.collect.sources import Sources
    from provisioning.spec.model.variant import Content, Variant


class _Area(NamedTuple):
    """A directory from which a content takes files."""

    base: str
    """Without links on the way, with a trailing slash; "" is the project."""
    content: Content
    matches: Callable[[str], bool]

    def takes(self, path: str) -> bool:
        """Whether the content takes the file at `path`, if there is one."""
        below = path.removeprefix(self.base)
        if not path.startswith(self.base) or is_left_out(below) or not self.matches(below):
            return False
        return bool(kept([(below, 0)], self.content.exclude))

    def walked(self, sources: Sources) -> Iterator[str]:
        """Every file that is there, among which the content's are."""
        base = base_of(self.content.source)
        if os.path.isdir(base or "."):
            names = sources.walked(self.content.source)
            if base != self.base:
                names = (self.base + name[len(base) :] for name in names)
            yield from names


class Taken:
    """The files that are packaged, and those that say what is packaged, of a variant and of
    `others`.

    Each is known by its path without links on the way, as git knows it; the links are files too.
    """

    def __init__(self, variant: Variant, others: Iterable[str]) -> None:
        said_by = {*variant.said_by, *others}
        packaged = sources_of(variant)
        self.files = frozenset(
            [place for path in packaged for place in places_of(path)]
            + [place for path in said_by for place in places_of(path, follows=True)]
        )
        """Those that are named, one by one."""
        self.watched = tuple(sorted({*packaged, *said_by, *self.files}))
        """All of it: files, directories and globs."""
        self._areas = tuple(_areas(variant.contents))
        self._contents = [each for each in variant.contents if each.makers]

    def walked(self, sources: Sources) -> Iterator[str]:
        """The files that are there, among which are those of the variant."""
        yield from (each for each in self.files if os.path.islink(each) or os.path.isfile(each))
        for area in self._areas:
            yield from area.walked(sources)

    def made_by(self, path: str) -> set[str]:
        """The tasks that are said to make a file, by the contents that take it."""
        contents = [area.content for area in self._areas if area.takes(path)]
        contents += [each for each in self._contents if path in places_of(each.source)]
        return {maker.name for each in contents for maker in each.makers}

    def __contains__(self, path: str) -> bool:
        """Whether a file is among them; or anything in a directory, named with a slash."""
        if not path.endswith("/"):
            return path in self.files or any(area.takes(path) for area in self._areas)
        bases = [area.base for area in self._areas]
        return any(map(path.startswith, bases)) or any(
            each.startswith(path) for each in (*bases, *self.files)
        )


def _areas(contents: Iterable[Content]) -> Iterator[_Area]:
    for each in contents:
        # What is missing may have been a directory.
        # guard: optional-and-missing
        if each.kind == "src" and (is_glob(each.source) or not os.path.isfile(each.source)):
            base = base_of(each.source)
            real = os.path.relpath(os.path.realpath(base))
            matches = matcher(each.source[len(base) :]) if is_glob(each.source) else _anything
            yield _Area("" if real == "." else f"{real}/", each, matches)


def _anything(_path: str) -> bool:
    return True


def places_of(path: str, *, follows: bool = False) -> Iterator[str]:
    """Where `path`, a file of the project, is known to git; and so is each link on the way.

    Where it is a link itself, `follows` tells whether what it leads to counts as well.
    """
    seen: set[str] = set()
    waiting = [path if follows else f"{os.path.dirname(path)}/"]
    while waiting:
        place = ""
        for part in waiting.pop().split("/"):
            place = os.path.join(place, part)
            if os.path.islink(place) and place not in seen:
                seen.add(place)
                yield _known_as(place)
                directory = os.path.realpath(os.path.dirname(place))
                waiting.append(os.path.relpath(os.path.join(directory, os.readlink(place))))
    yield _known_as(os.path.realpath(path) if follows else path)


def is_inside(path: str) -> bool:
    """Whether `path` lies in the project, which is the working directory."""
    return not leads_out(Path(), path)


def _known_as(path: str) -> str:
    directory, name = os.path.split(path.rstrip("/"))
    return os.path.normpath(os.path.join(os.path.relpath(os.path.realpath(directory)), name))


State: TypeAlias = Literal["same", "other", "gone", "new"]
"""The state of a file: as in the commit, changed, missing, or not in the commit."""

_SUBMODULE, _LINK, _EXECUTABLE = "160000", "120000", "100755"
_SURE = "H "  # what ls-files puts before a file that git looks at
_SHA1_DIGITS = 40


class Committed:
    """What `commit` holds of the directory `root`, compared with what is there.

    git's index saves reading each file. Files that a bit there makes git ignore are compared all
    the same, and so is what is not in the index.

    Raises:
        GitError: git cannot tell; all methods raise it, too.
    """

    def __init__(self, root: str, commit: str) -> None:
        self._root = root
        self._commit = commit
        plain = ("--no-renames", "--no-ext-diff", "--ignore-submodules=all", "--relative")
        self._changed = set(self._names("diff", "--name-only", "-z", *plain, commit, "--", "."))
        listed = [line.partition("\t") for line in self._names("ls-files", "-z", "-v", "-s")]
        known = {name: about for about, _, name in listed}
        # guard: git-assumes-unchanged
        self._doubtful = {name for name, about in known.items() if not about.startswith(_SURE)}
        self._listed = known.keys() - self._doubtful
        self._submodules: dict[str, Committed | None] = {}
        self._links = [name for name, about in known.items() if about.split()[1] == _SUBMODULE]

    def suspects(self, files: Iterable[str]) -> set[str]:
        """The files that may differ from the commit: of `files`, and of what is missing."""
        found = {*self._changed, *self._doubtful, *(set(files) - self._listed)}  # guard: unlisted
        if not self._links:
            return found
        for link in self._links:
            inside = {path for path in found if path.startswith(f"{link}/")}
            found -= inside
            found |= self._suspects_in(link, inside)
        return found

    def _suspects_in(self, link: str, files: set[str]) -> set[str]:
        submodule = self._submodule(link)
        if submodule is None:
            return {f"{link}/", *files}
        below = (path.removeprefix(f"{link}/") for path in files)
        return {f"{link}/{path}" for path in submodule.suspects(below)}

    def state(self, path: str) -> State:
        """The state of the file at `path`; a directory, with a slash, is all that is in it."""
        if path in self._listed and path not in self._changed:
            return "same"
        link = next((link for link in self._links if path.startswith(f"{link}/")), None)
        if link is not None:
            submodule = self._submodule(link)
            rest = path.removeprefix(f"{link}/")
            return submodule.state(rest) if submodule else "gone"
        if path not in self._entries:
            return "new"
        try:
            status = os.lstat(os.path.join(self._root, path))
        except (FileNotFoundError, NotADirectoryError):
            return "gone"
        if path in self._listed:
            return "other"
        return "same" if self._is_same(path, status) else "other"

    def holds(self, directory: str) -> bool:
        """Whether there is a file of the commit in `directory`."""
        return directory in self._directories

    @cached_property
    def _directories(self) -> set[str]:
        found: set[str] = set()
        for path in self._entries:
            while path := os.path.dirname(path):
                found.add(path)
        return found

    def _is_same(self, path: str, status: os.stat_result) -> bool:
        mode, _, digest = self._entries[path].split()
        place = os.path.join(self._root, path)
        if stat.S_ISLNK(status.st_mode):
            return mode == _LINK and digest == _digest_of(os.readlink(place), digest)
        is_executable = bool(status.st_mode & stat.S_IXUSR)
        if mode == _LINK or not stat.S_ISREG(status.st_mode):
            return False
        if is_executable != (mode == _EXECUTABLE):
            return False
        # By git, which knows how it is converted on its way into the repository.
        return ask(Path(self._root), "hash-object", "--", path).strip() == digest

    def _submodule(self, link: str) -> Committed | None:
        """The submodule at `link`, compared with the recorded commit; None if there is none."""
        if link not in self._submodules:
            place = os.path.join(self._root, link)
            recorded = self._entries.get(link, "").split()
            is_there = recorded and os.path.lexists(os.path.join(place, ".git"))
            self._submodules[link] = Committed(place, recorded[2]) if is_there else None
        return self._submodules[link]

    @cached_property
    def _entries(self) -> dict[str, str]:
        """The mode, type and digest of each file in the commit."""
        lines = self._names("ls-tree", "-r", "-z", self._commit)
        return {path: about for about, _, path in (line.partition("\t") for line in lines)}

    def _names(self, *arguments: str) -> list[str]:
        return ask(Path(self._root), *arguments).split("\0")[:-1]


def _digest_of(target: str, like: str) -> str:
    """What git calls a link to `target`, in a repository where names are `like` that."""
    content = os.fsencode(target)
    kind = hashlib.sha1 if len(like) == _SHA1_DIGITS else hashlib.sha256
    return kind(b"blob %d\0%s" % (len(content), content)).hexdigest()
