"""Knows in which paths one state of a package differs from another, and how."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.difference import CONTENT, details

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.build.listing import Collected, Differing


class Change(NamedTuple):
    """What became of one path of the package."""

    path: str
    source: str  # the file of the project, "" for what the spec alone makes
    how: tuple[str, ...]  # such as "added", or "content" and "mode 0644 → 0755"

    def __str__(self) -> str:
        named = self.source or self.path
        return f"{named}: {', '.join(self.how)}"


def changes(before: Iterable[Collected], after: Iterable[Collected]) -> Iterator[Change]:
    """Every path that differs, sorted."""
    old = {each.entry.path: each for each in before}
    new = {each.entry.path: each for each in after}
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            yield Change(path, new[path].source, ("added",))
        elif path not in new:
            yield Change(path, old[path].source, ("removed",))
        elif how := tuple(_differences(old[path], new[path])):
            yield Change(path, new[path].source, how)


def summary(differing: Differing, most: int) -> tuple[list[Change], int]:
    """At most so many of the paths that differ, and how many there are."""
    gone, new = differing
    if not gone:  # as before a first build; what is new is in order, and its first ones are enough
        return list(changes((), islice(new, most))), len(new)
    return list(islice(changes(gone, new), most)), len({each.entry.path for each in (*gone, *new)})


def _differences(old: Collected, new: Collected) -> Iterator[str]:
    if old.entry == new.entry and old[1:] == new[1:]:
        return
    if old.source != new.source:
        yield f"taken from {new.source or 'the spec'}, not {old.source or 'the spec'}"
    if old.template != new.template:
        yield "a template" if new.template else "no template"
    for detail in details(old.entry, new.entry):
        # A digest tells nobody anything, and what a template becomes is not known yet.
        yield CONTENT if detail.what == CONTENT else str(detail)
