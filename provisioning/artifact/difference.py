"""Knows how one manifest differs from another: in what the package is, and path by path.

This is the one comparison of manifests: verifying against the specs, `doit explain` and `doit diff`
tell in their own words what it finds.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact import manifest
from provisioning.artifact.entry import LINK
from provisioning.artifact.path import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.entry import Entry
    from provisioning.artifact.manifest import Manifest

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
CONTENT = "content"
"""The detail of a file that holds other bytes; its values are their digests."""

_IDENTITY = "package."
_FOLLOWS = "package.debian_files"  # from all else, and from which version of this tool spelt them
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHOWN_DIGEST = 16
_LONGEST = 200  # characters of a value that are shown


class Detail(NamedTuple):
    """One thing that differs; a value is as JSON has it, or None where there is none."""

    what: str
    old: Any
    new: Any

    @property
    def name(self) -> str:
        """What people call it: `version`, and not `package.version`."""
        return shown(self.what.removeprefix(_IDENTITY))

    def __str__(self) -> str:
        return f"{self.name} {spelled(self.old)} → {spelled(self.new)}"


class Change(NamedTuple):
    """What became of one path; `old` or `new` is None where it was added or removed."""

    path: str
    old: Entry | None
    new: Entry | None
    details: tuple[Detail, ...] = ()  # of what was changed

    @property
    def kind(self) -> str:
        """ADDED, REMOVED or CHANGED."""
        if self.old is None:
            return ADDED
        return REMOVED if self.new is None else CHANGED

    @property
    def sizes(self) -> tuple[int, int]:
        """The bytes of content before and after."""
        return (self.old.size if self.old else 0, self.new.size if self.new else 0)

    def holds_other_bytes(self) -> bool:
        """Whether it was a file, is a file, and holds another content."""
        return any(detail.what == CONTENT for detail in self.details)


class Difference(NamedTuple):
    """How one manifest differs from another: not at all where both are empty."""

    head: tuple[Detail, ...]
    """What is said besides the entries: of the package, of services, of whatever there is."""
    changes: tuple[Change, ...]
    """Of the entries, sorted by path."""


def compare(old: Manifest, new: Manifest) -> Difference:
    """Tell all that differs, but for what only follows from that."""
    head, changes = tuple(properties(_said(old), _said(new))), tuple(_changes(old, new))
    told = tuple(detail for detail in head if not detail.what.startswith(_FOLLOWS))
    return Difference(told if told or changes else head, changes)


def details(old: Entry, new: Entry) -> Iterator[Detail]:
    """Tell what differs between two entries of one path.

    Of another type, what only one of both types has is no difference of its own.
    """
    if old == new:
        return
    before, after = _fields(old), _fields(new)
    for what, value in before.items():
        if value != after[what] and not _goes_with_type(what, old, new):
            yield Detail(what, value, after[what])


def spelled(value: Any) -> str:
    """A value for people: text as it is, a long digest by its beginning."""
    if value is None:
        return "none"
    text = value if value and isinstance(value, str) else _json(value)
    if _DIGEST.fullmatch(text):
        return f"{text[:_SHOWN_DIGEST]}…"
    return shown(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _fields(entry: Entry) -> dict[str, Any]:
    """What an entry says, by the names that people know; its size goes with its content."""
    fields = entry._asdict()
    del fields["path"], fields["size"]
    fields["mode"] = f"{entry.mode:04o}"
    fields["link"] = entry.link or None
    fields[CONTENT] = fields.pop("digest")
    return fields


def _goes_with_type(what: str, old: Entry, new: Entry) -> bool:
    if old.type == new.type:
        return False
    return what == CONTENT or (what == "mode" and LINK in {old.type, new.type})


def _changes(old: Manifest, new: Manifest) -> Iterator[Change]:
    if old.entries == new.entries:
        return
    before = {entry.path: entry for entry in old.entries}
    after = {entry.path: entry for entry in new.entries}
    for path in sorted({*before, *after}):
        was, now = before.get(path), after.get(path)
        if was is None or now is None:
            yield Change(path, was, now)
        elif was != now:
            yield Change(path, was, now, tuple(details(was, now)))


def properties(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Detail]:
    """Tell what differs between two maps of JSON, however deep; `what` is the way to it.

    In a list of maps that have names, these are the way, as in `services.web.exec`.
    """
    before, after = (dict(_leaves(each, ())) for each in (old, new))
    # Of a map that is empty on one side, the values on the other tell.
    filled = {key[:length] for key in (*before, *after) for length in range(len(key))}
    for key in {**before, **after}:  # in the order in which they are spelt
        if key in filled and {} in (before.get(key), after.get(key)):
            continue
        if key not in before or key not in after or _json(before[key]) != _json(after[key]):
            yield Detail(".".join(key), before.get(key), after.get(key))


def _said(of: Manifest) -> dict[str, Any]:
    """All that a manifest says besides its entries, whatever that comes to be."""
    said: dict[str, Any] = json.loads(manifest.dump(of._replace(entries=())))
    del said["entries"]
    return said


def _leaves(value: Any, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The single values in `value`, each with the way to it."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _leaves(each, (*key, name))
    elif isinstance(value, list) and (names := _names(value)):
        yield key, names  # their order, too
        for name, each in zip(names, value):
            yield from _leaves(each, (*key, name))
    else:
        yield key, value


def _names(items: list[Any]) -> list[str]:
    """What the maps in a list are called, where each has a name of its own; else nothing."""
    names = [each["name"] for each in items if isinstance(each, dict) and "name" in each]
    distinct = len({*map(str, names)}) == len(items)
    return names if distinct and all(isinstance(name, str) for name in names) else []


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
