"""Knows the paths of the project that a spec names, and whether what a task leaves concerns one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache, cached_property
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from provisioning.build.glob import base_of, is_glob, reached_by
from provisioning.build.tree import is_left_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.build.gitignore import Ignored
    from provisioning.spec.origin import Origin
    from provisioning.spec.variant import Content, Maker, Variant

CERTAIN, POSSIBLE = "certain", "possible"


class Need(NamedTuple):
    """A file, directory or glob that a spec names, which has to be there to be packaged."""

    source: str
    origin: Origin
    exclude: tuple[str, ...] = ()
    makers: tuple[Maker, ...] = ()
    """Tasks that make it by the spec's own word."""


class Made(NamedTuple):
    """The tasks that make what is needed."""

    tasks: tuple[str, ...] = ()
    """All that may."""
    sure: tuple[str, ...] = ()
    """Those of which it is said: by the spec, or by what they leave."""

    def joined(self, other: Made) -> Made:
        """The tasks of both."""
        tasks, sure = (dict.fromkeys((*a, *b)) for a, b in zip(self, other, strict=True))
        return Made(tuple(tasks), tuple(sure))

    def again(self) -> str:
        """How to have it made again where it is gone; "" if nobody makes it."""
        names = self.sure or self.tasks
        if not names:
            return ""
        who = (
            f"task {names[0]} makes it" if len(names) == 1 else f"tasks {', '.join(names)} make it"
        )
        return f"{who}: where that is up to date, `doit forget {' '.join(names)}` has it done again"


MadeBy: TypeAlias = Mapping[str, Made]
"""Who makes what is needed, by its source."""
NOBODY: MadeBy = MappingProxyType({})
NO_MAKER = Made()


class Absent(NamedTuple):
    """An optional content that has found nothing."""

    source: str
    where: str
    file: str
    line: int
    column: int

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.where}: nothing is there for {self.source}, which is optional"


def absent(content: Content) -> Absent:
    """Tell that a content has found nothing."""
    origin = content.origin
    return Absent(content.source, content.where, origin.file, origin.line, origin.column)


def need_of(content: Content) -> Need:
    """What a content takes its files from."""
    return Need(content.source, content.origin, content.exclude, content.makers)


def needs_of(variant: Variant) -> Iterator[Need]:
    """All that a variant is made of, as it is named."""
    yield from (Need(hook.source, hook.origin) for hook in variant.hooks)
    yield from (Need(document.source, document.origin) for document in variant.documents)
    yield from (need_of(each) for each in variant.contents if each.kind in {"src", "template"})


def places(path: str) -> tuple[str, ...]:
    """Where in the project a path lies: as it is written, and as links lead; none if outside."""
    here = os.getcwd()
    path = os.path.normpath(os.path.join(here, path))
    if path == here:
        return (".",)
    directory, name = os.path.split(path)
    found = [os.path.normpath(os.path.join(each, name)) for each in _both(directory, here)]
    if os.path.islink(path):
        found.append(os.path.relpath(os.path.realpath(path), os.path.realpath(here)))
    return tuple(dict.fromkeys(place for place in found if not _is_outside(place)))


@cache
def _both(directory: str, here: str) -> tuple[str, str]:
    """A directory, relative to the one it is called from, as it is written and as links lead."""
    # Thousands of targets share it; and nothing is made while it is asked.
    real = os.path.relpath(os.path.realpath(directory), os.path.realpath(here))
    return os.path.relpath(directory, here), real


def _is_outside(place: str) -> bool:
    return place == ".." or place.startswith("../")


class _Reading(NamedTuple):
    """Where a source looks, and the pattern of what it takes there; "" for all."""

    places: tuple[str, ...]
    pattern: str


class Wanted:
    """Among what tasks leave, that which a source stands for."""

    def __init__(self, source: str, exclude: tuple[str, ...]) -> None:
        self._exclude = exclude
        base = base_of(source)
        self._readings = [_Reading(places(base), source[len(base) :] if is_glob(source) else "")]
        if "[" in source and is_glob(source):
            # What a task makes under this very name will be meant: `pages/[id].html`.
            self._readings.append(_Reading(places(source), ""))
        self.places = [place for reading in self._readings for place in reading.places]

    def concerns(self, made: tuple[str, ...], *, is_file: bool) -> str:
        """Whether what a task leaves at the places `made` may be among it.

        CERTAIN, where it lies at, below or above it; POSSIBLE, where that depends on whether it is
        a directory, which nobody knows before it is made; "" where it is neither.
        """
        found = {self._read(each, made, is_file=is_file) for each in self._readings}
        return next((how for how in (CERTAIN, POSSIBLE) if how in found), "")

    def _read(self, reading: _Reading, made: tuple[str, ...], *, is_file: bool) -> str:
        for wanted, place in product(reading.places, made):
            if _lies_in(wanted, place):
                return CERTAIN
            if _lies_in(place, wanted):
                below = place if wanted == "." else place[len(wanted) + 1 :]
                if found := self._among(reading.pattern, below, is_file=is_file):
                    return found
        return ""

    def _among(self, pattern: str, path: str, *, is_file: bool) -> str:
        if is_left_out(path) or self._is_excluded(path):
            return ""
        if not pattern:
            return CERTAIN
        whole, further = reached_by(pattern, path)
        return CERTAIN if whole else POSSIBLE if further and not is_file else ""

    def _is_excluded(self, path: str) -> bool:
        ignored = self._ignored
        return ignored is not None and (path in ignored or ignored.holds_directory(path))

    @cached_property
    def _ignored(self) -> Ignored | None:
        if not self._exclude:
            return None
        from provisioning.build.gitignore import Ignored  # noqa: PLC0415 - where there are some
        from provisioning.build.sources import why_none  # noqa: PLC0415

        return Ignored(pattern for pattern in self._exclude if not why_none(pattern))


def upwards(place: str) -> Iterator[str]:
    """A place in the project, and the directories in which it lies."""
    while place != ".":
        yield place
        place = os.path.dirname(place) or "."
    yield place


def _lies_in(path: str, directory: str) -> bool:
    """Whether `path` is `directory` or lies below it; "." is the project."""
    return directory in {".", path} or path.startswith(f"{directory}/")
