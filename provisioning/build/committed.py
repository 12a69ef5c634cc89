"""Knows which files of the project are as a commit has them, whatever git was told to pass over."""

from __future__ import annotations

import hashlib
import os
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from provisioning.spec.git import ask

if TYPE_CHECKING:
    from collections.abc import Iterable

State: TypeAlias = Literal["same", "other", "gone", "new"]
"""Of a file: as in the commit, another than there, missing, or not in the commit."""

_SUBMODULE, _LINK, _EXECUTABLE = "160000", "120000", "100755"
_SURE = "H "  # what ls-files puts before a file that git looks at
_SHA1_DIGITS = 40


class Committed:
    """What `commit` holds of the directory `root`, held against what lies there.

    git's index spares it from reading each file. What a bit there has git pass over is compared
    all the same, and so is what is not in the index.

    Raises:
        GitError: git cannot tell; so does whatever is asked.
    """

    def __init__(self, root: str, commit: str) -> None:
        self._root = root
        self._commit = commit
        plain = ("--no-renames", "--no-ext-diff", "--ignore-submodules=all", "--relative")
        self._changed = set(self._names("diff", "--name-only", "-z", *plain, commit, "--", "."))
        listed = [line.partition("\t") for line in self._names("ls-files", "-z", "-v", "-s")]
        known = {name: about for about, _, name in listed}
        self._doubtful = {name for name, about in known.items() if not about.startswith(_SURE)}
        self._listed = known.keys() - self._doubtful
        self._submodules: dict[str, Committed | None] = {}
        self._links = [name for name, about in known.items() if about.split()[1] == _SUBMODULE]

    def suspects(self, files: Iterable[str]) -> set[str]:
        """The files that may be others than in the commit: of `files`, and of what is missing."""
        found = {*self._changed, *self._doubtful, *(set(files) - self._listed)}
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
        """How the file at `path` is: a directory, with a slash, stands for all that is in it."""
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
        # By git, which knows what becomes of it on its way into the repository.
        return ask(Path(self._root), "hash-object", "--", path).strip() == digest

    def _submodule(self, link: str) -> Committed | None:
        """The submodule at `link`, against the commit that is recorded; None for none."""
        if link not in self._submodules:
            place = os.path.join(self._root, link)
            recorded = self._entries.get(link, "").split()
            is_there = recorded and os.path.lexists(os.path.join(place, ".git"))
            self._submodules[link] = Committed(place, recorded[2]) if is_there else None
        return self._submodules[link]

    @cached_property
    def _entries(self) -> dict[str, str]:
        """Of each file in the commit its mode, type and digest."""
        lines = self._names("ls-tree", "-r", "-z", self._commit)
        return {path: about for about, _, path in (line.partition("\t") for line in lines)}

    def _names(self, *arguments: str) -> list[str]:
        return ask(Path(self._root), *arguments).split("\0")[:-1]


def _digest_of(target: str, like: str) -> str:
    """What git calls a link to `target`, in a repository where names are `like` that."""
    content = os.fsencode(target)
    kind = hashlib.sha1 if len(like) == _SHA1_DIGITS else hashlib.sha256
    return kind(b"blob %d\0%s" % (len(content), content)).hexdigest()
