"""Knows which files of the project have a part in a variant, whether they are there or not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.build.glob import base_of, is_glob, matcher
from provisioning.build.part import sources_of
from provisioning.build.sources import kept
from provisioning.build.tree import is_left_out
from provisioning.spec.inputs import leads_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from provisioning.build.sources import Sources
    from provisioning.spec.variant import Content, Variant


class _Area(NamedTuple):
    """A directory of which a content takes files."""

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
    """The files that are packaged, and those that say what is: of a variant, and of `others`.

    Each is known by its path without links on the way, as git knows it; the links are files too.
    """

    def __init__(self, variant: Variant, others: Iterable[str]) -> None:
        said_by = {*variant.said_by, *others}
        packaged = sources_of(variant)
        self.files = frozenset(
            [place for path in packaged for place in places(path)]
            + [place for path in said_by for place in places(path, follows=True)]
        )
        """Those that are named, one by one."""
        self.watched = tuple(sorted({*packaged, *said_by, *self.files}))
        """All of it: files, directories and globs."""
        self._areas = tuple(_areas(variant.contents))
        self._contents = [each for each in variant.contents if each.makers]

    def walked(self, sources: Sources) -> Iterator[str]:
        """The files that are there, among which are those of the variant."""
        yield from filter(_is_there, self.files)
        for area in self._areas:
            yield from area.walked(sources)

    def made_by(self, path: str) -> set[str]:
        """The tasks that are said to make a file, by the contents that take it."""
        contents = [area.content for area in self._areas if area.takes(path)]
        contents += [each for each in self._contents if path in places(each.source)]
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
        if each.kind == "src" and (is_glob(each.source) or not os.path.isfile(each.source)):
            base = base_of(each.source)
            real = os.path.relpath(os.path.realpath(base))
            matches = matcher(each.source[len(base) :]) if is_glob(each.source) else _anything
            yield _Area("" if real == "." else f"{real}/", each, matches)


def _anything(_path: str) -> bool:
    return True


def _is_there(path: str) -> bool:
    return os.path.islink(path) or os.path.isfile(path)


def places(path: str, *, follows: bool = False) -> Iterator[str]:
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
