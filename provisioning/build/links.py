"""Knows where the links of a package lead, and which of them lead to nothing in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.entry import DIR, LINK
from provisioning.artifact.path import MANIFEST, shown
from provisioning.build.content_fault import content_fault
from provisioning.spec.fault import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioning.build.item import Item
    from provisioning.spec.fault import Fault
    from provisioning.spec.variant import Content, Variant

_MOST_LINKS = 40  # as Linux follows (path_resolution(7))
_LATER = "say `optional: true` if the machine has it later"


class End(NamedTuple):
    """Where a path ends once the links on it are followed: "" is the top of the package."""

    path: str
    is_there: bool
    above: str
    """The last directory that was reached."""


def follow(path: str, items: Mapping[str, Item]) -> End:
    """Follow the links of a package; none of them leaves it."""
    here: list[str] = []
    left, links = path.split("/"), 0
    while left:
        part = left.pop(0)
        if part in {"", "."}:
            continue
        if part == "..":
            here = here[:-1]
            continue
        item = items.get("/".join([*here, part]))
        if item is None or links > _MOST_LINKS:
            above = "/".join(here)
            return End(
                os.path.normpath("/".join([*here, part, *left])), is_there=False, above=above
            )
        if item.type == LINK:
            left, links = [*item.link.split("/"), *left], links + 1
        else:
            here.append(part)
    return End("/".join(here), is_there=True, above="/".join(here[:-1]))


def faults(
    variant: Variant, placed: Mapping[str, tuple[Item, Content]], items: Mapping[str, Item]
) -> Iterator[Fault]:
    """Each link in `placed` that leads to nothing, and is not said to, in a package of `items`."""
    links = [path for path, (item, _) in placed.items() if item.type == LINK]
    full = {path.rpartition("/")[0] for path in items} if links else set()
    for path in links:
        item, content = placed[path]
        end = follow(path, items)
        above = items.get(end.above)
        is_data = above is not None and above.type == DIR and above.path not in full
        if not (end.is_there or content.optional or is_data or _is_expected(end.path, variant)):
            yield _fault(item, content, end, items)


def _is_expected(path: str, variant: Variant) -> bool:
    """Whether something may come to lie at a path, or below it, that is not there yet."""
    if path == MANIFEST:
        return True
    # What another task makes is there once the package is collected.
    maybe = [each.dst for each in variant.contents if each.optional and each.kind != "link"]
    return any(_is_at(path, dst) or _is_at(dst, path) for dst in maybe)


def _is_at(path: str, place: str) -> bool:
    return not place or f"{path}/".startswith(f"{place}/")


def _circle(item: Item, items: Mapping[str, Item]) -> str:
    """The links that lead to each other, from `item` on."""
    path, passed = item.path, list[str]()
    while path not in passed and path in items and items[path].type == LINK:
        passed.append(path)
        path = os.path.normpath(os.path.join(os.path.dirname(path), items[path].link))
    return " → ".join(map(shown, (*passed, path)))


def _fault(item: Item, content: Content, end: End, items: Mapping[str, Item]) -> Fault:
    called = f"{shown(item.source)}: the symbolic link" if item.source else "the link"
    message = f"{called} to {shown(item.link)} leads to nothing in the package"
    if end.path in items:  # which is a link, too, and none of them ends
        message = f"{called} to {shown(item.link)} comes back to itself: {_circle(item, items)}"
        hint = "lead one of them to what is no link"
    elif item.source:
        hint = f"put there what it leads to, exclude it, or {_LATER}"
    elif near := nearest(end.path, [*items]):
        hint = f"did you mean {os.path.relpath(near, os.path.dirname(item.path) or '.')}?"
    else:
        hint = f"put there what it leads to, or {_LATER}"
    return content_fault("dangling-link", content, content.kind, message, hint=hint)
