"""What a variant needs from the project: sources, tasks that make them, included templates."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from provisioning.builder.collect.patterns import Ignored, base_of, is_glob, reached_by
from provisioning.builder.collect.sources import is_left_out, why_none
from provisioning.builder.python.environment import place_of
from provisioning.spec.resolve.inputs import leads_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.spec.model.variant import Content, Maker, Variant
    from provisioning.spec.yaml.node import Origin

_TAG = re.compile(r"{%[-+]?\s*(?:include|extends|import|from)\b(.*)", re.DOTALL)
_MOST_BYTES = 1 << 24
_NAME = re.compile(r"""["']([^"']+)["']""")


def named_by(template: str) -> set[str]:
    """The templates that `template`, and those it names, name: whether they exist or not.

    Names must be written out in the template (`render` refuses others), so that a build knows what
    it depends on before it starts. If a name is a link, what it leads to is named as well.
    """
    found: set[str] = set()
    waiting = [template]
    while waiting:
        named = set(_named(waiting.pop()))
        real = {os.path.relpath(os.path.realpath(name)) for name in named if _is_ours(name)}
        new = (named | real) - found - {template}
        found |= new
        waiting += new
    return found


def includes(template: str) -> set[str]:
    """The templates that rendering `template` reads besides it, whether it succeeds or not."""
    return {name for name in named_by(template) if _is_ours(name) and os.path.isfile(name)}


def _is_ours(name: str) -> bool:
    return not leads_out(Path(), name)


def _named(template: str) -> list[str]:
    text = _text(template)
    # Cut at the ends of tags first: looking for the end of each would take quadratic time.
    tags = [tag for part in text.split("%}") for tag in _TAG.findall(part)]
    return [name for tag in tags for name in _NAME.findall(tag) if not name.startswith("/")]


def _text(template: str) -> str:
    """The text of a template; nothing if it cannot be read, which rendering reports."""
    if not _is_ours(template):
        return ""
    try:
        # Opening a FIFO would wait for a writer that never comes.
        with open(os.open(template, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        pass
    return ""


CERTAIN, POSSIBLE = "certain", "possible"


class Need(NamedTuple):
    """A file, directory or glob that a spec names, which has to be there to be packaged."""

    source: str
    origin: Origin
    exclude: tuple[str, ...] = ()
    makers: tuple[Maker, ...] = ()
    """Tasks that make it, as the spec says."""


class Made(NamedTuple):
    """The tasks that make what is needed."""

    tasks: tuple[str, ...] = ()
    """All that may."""
    sure: tuple[str, ...] = ()
    """Those that certainly do: by the spec, or by their targets."""

    def joined(self, other: Made) -> Made:
        """The tasks of both."""
        tasks, sure = (dict.fromkeys((*a, *b)) for a, b in zip(self, other, strict=True))
        return Made(tuple(tasks), tuple(sure))

    def again(self) -> str:
        """How to have it made again if it is gone; "" if no task makes it."""
        names = self.sure or self.tasks
        if not names:
            return ""
        who = (
            f"task {names[0]} makes it" if len(names) == 1 else f"tasks {', '.join(names)} make it"
        )
        return f"{who}; if doit skips that as up to date, run `doit forget {' '.join(names)}` first"


MadeBy: TypeAlias = Mapping[str, Made]
"""The tasks that make what is needed, by its source."""
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
        return f"{place}: {self.where}: left out: nothing matches {self.source}, which is optional"


def absent(content: Content) -> Absent:
    """Report a content that has found nothing."""
    origin = content.origin
    return Absent(content.source, content.where, origin.file, origin.line, origin.column)


def need_of(variant: Variant, content: Content, artifacts: str) -> Need:
    """What a content takes its files from."""
    if content.environment:
        return Need(place_of(variant, content, artifacts), content.origin)
    return Need(content.source, content.origin, content.exclude, content.makers)


def needs_of(variant: Variant) -> Iterator[Need]:
    """Everything that a variant is made from, by name."""
    yield from (Need(hook.source, hook.origin) for hook in variant.hooks)
    yield from (Need(document.source, document.origin) for document in variant.documents)
    for each in variant.contents:
        if each.kind in {"src", "template"}:
            yield Need(each.source, each.origin, each.exclude, each.makers)


def environments_of(variant: Variant, artifacts: str) -> Iterator[Need]:
    """The listings of a variant's Python environments, which its own task makes."""
    found = (each for each in variant.contents if each.environment)
    return (need_of(variant, each, artifacts) for each in found)


def places(path: str) -> tuple[str, ...]:
    """The places of a path in the project: as written, and with links followed; none if outside."""
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
    # Thousands of targets share it, and nothing is made meanwhile.
    real = os.path.relpath(os.path.realpath(directory), os.path.realpath(here))
    return os.path.relpath(directory, here), real


def _is_outside(place: str) -> bool:
    return place == ".." or place.startswith("../")


class _Reading(NamedTuple):
    """Where a source looks, and the pattern of what it takes there; "" for all."""

    places: tuple[str, ...]
    pattern: str


class Wanted:
    """The part of the tasks' output that a source stands for."""

    def __init__(self, source: str, exclude: tuple[str, ...]) -> None:
        self._exclude = exclude
        base = base_of(source)
        self._readings = [_Reading(places(base), source[len(base) :] if is_glob(source) else "")]
        if "[" in source and is_glob(source):
            # What a task makes under this very name will be meant: `pages/[id].html`.
            self._readings.append(_Reading(places(source), ""))
        self.places = [place for reading in self._readings for place in reading.places]

    def concerns(self, made: tuple[str, ...], *, is_file: bool) -> str:
        """Whether a task's output at the places `made` may be among it.

        CERTAIN if it is at, below or above it; POSSIBLE if that depends on whether it is a
        directory, which is unknown before it is made; else "".
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
