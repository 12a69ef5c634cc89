"""Knows what one path of a package is before anything is read, and which ones are templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Item(NamedTuple):
    """One path of the package, before anything is read.

    `source` is relative to the project: the file or link to take, the template to render, or ""
    for what the spec alone makes (directories, links). `mode` is None where the executable bit of
    the source decides.
    """

    path: str
    type: str
    mode: int | None
    owner: str
    group: str
    source: str = ""
    template: bool = False
    link: str = ""
    conffile: bool = False


def templates_of(items: Iterable[Item]) -> dict[str, str]:
    """The templates among items, by their paths in the package."""
    return {item.path: item.source for item in items if item.template}
