"""Knows in which paths one state of a package differs from another, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.artifact.entry import Entry
    from provisioning.build.collect import Collected


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


def _differences(old: Collected, new: Collected) -> Iterator[str]:
    if old.entry == new.entry and old[1:] == new[1:]:
        return
    if old.source != new.source:
        yield f"taken from {new.source or 'the spec'}, not {old.source or 'the spec'}"
    if old.template != new.template:
        yield "a template" if new.template else "no template"
    before, after = _shown(old.entry), _shown(new.entry)
    for what, was in before.items():
        if after[what] != was:
            yield f"{what} {was or 'none'} → {after[what] or 'none'}"
    if old.entry.digest != new.entry.digest and old.entry.type == new.entry.type:
        yield "content"


def _shown(entry: Entry) -> dict[str, str]:
    """What is worth a "from … to …"; a digest tells nobody anything."""
    return {
        "type": entry.type,
        "mode": f"{entry.mode:04o}",
        "owner": entry.owner,
        "group": entry.group,
        "link": entry.link,
        "conffile": str(entry.conffile).lower(),
    }
