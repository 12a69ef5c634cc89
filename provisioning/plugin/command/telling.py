"""Knows how the difference between two packages is told: to people, and to machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact import manifest
from provisioning.artifact.difference import ADDED, CHANGED, CONTENT, REMOVED, Detail, spelled
from provisioning.artifact.entry import FILE, LINK
from provisioning.artifact.path import shown
from provisioning.plugin.command.size import count, told
from provisioning.terminal import BOLD, CYAN, GREEN, RED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from provisioning.artifact.difference import Change, Difference
    from provisioning.artifact.entry import Entry
    from provisioning.artifact.lines import Text
    from provisioning.artifact.manifest import Manifest
    from provisioning.plugin.command.side import Side
    from provisioning.terminal import Paint

_MARKS = {ADDED: "+", REMOVED: "-", CHANGED: "~"}
_STYLES = {"+": GREEN, "-": RED, "@": CYAN, "~": BOLD}
_INDENT = "    "
_SMALL = 1024  # bytes; what is less is told to the byte


class Outcome(NamedTuple):
    """What comparing two packages has shown."""

    old: Side
    new: Side
    difference: Difference
    texts: Mapping[str, Text]

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain data."""
        return {
            "old": self.old.called,
            "new": self.new.called,
            "equal": not any(self.difference),
            "properties": [detail._asdict() for detail in self.difference.head],
            "paths": [self._plain(change) for change in self.difference.changes],
            "size": _plain_sizes(*self._sizes()),
        }

    def lines(self, paint: Paint) -> Iterator[str]:
        """The outcome line by line, without newlines."""
        if any(self.difference):
            yield paint(f"--- {shown(self.old.called)}{self.old.note}", RED)
            yield paint(f"+++ {shown(self.new.called)}{self.new.note}", GREEN)
        for detail in self.difference.head:
            values = f"{spelled(detail.old)} → {spelled(detail.new)}"
            yield f"{paint(detail.name, BOLD)}: {values}"
        shared = self._shared()
        if shared:
            yield f"{paint('every path', BOLD)}: {', '.join(map(str, shared))}"
        for change in self.difference.changes:
            if change.kind != CHANGED or not shared.issuperset(change.details):
                yield from self._change(change, shared, paint)
        yield self._summary()

    def _change(self, change: Change, shared: Collection[Detail], paint: Paint) -> Iterator[str]:
        mark, text = _MARKS[change.kind], self.texts.get(change.path)
        why_not = f"; not shown: {text.why_not}" if text and text.why_not else ""
        what = _what(change, shared)
        yield f"{paint(f'{mark} {shown(change.path)}', _STYLES[mark])}: {what}{why_not}"
        for line in text.lines if text else ():
            painted = paint(line, _STYLES[line[0]]) if line[0] in _STYLES else line
            yield f"{_INDENT}{painted}" if line != " " else ""

    def _shared(self) -> frozenset[Detail]:
        """What differs alike in every path that both packages have: of two platforms, the owner."""
        changed = [each.details for each in self.difference.changes if each.kind == CHANGED]
        if len(changed) != self._common() or len(changed) < 2:  # noqa: PLR2004 - every one of two
            return frozenset()
        return frozenset(changed[0]).intersection(*changed)

    def _common(self) -> int:
        """How many paths both packages have."""
        added = sum(1 for change in self.difference.changes if change.kind == ADDED)
        return len(self.new.view.manifest.entries) - added

    def _summary(self) -> str:
        before, after = self._sizes()
        if not any(self.difference):
            return f"equal: {count(self._common(), 'path')}, {told(after)}"
        kinds = [change.kind for change in self.difference.changes]
        paths = ", ".join(f"{kinds.count(kind)} {kind}" for kind in _MARKS)
        same = self._common() - kinds.count(CHANGED)
        head = len(self.difference.head)
        named = f"{head} {'property' if head == 1 else 'properties'}; " if head else ""
        return f"different: {named}paths: {paths}, {same} equal; size {_sizes(before, after)}"

    def _sizes(self) -> tuple[int, int]:
        return _size(self.old.view.manifest), _size(self.new.view.manifest)

    def _plain(self, change: Change) -> dict[str, Any]:
        text = self.texts.get(change.path)
        return {
            "path": change.path,
            "change": change.kind,
            "differs": [detail.what for detail in change.details],
            "old": change.old and _plain_entry(change.old),
            "new": change.new and _plain_entry(change.new),
            "size": _plain_sizes(*change.sizes),
            "text": list(text.lines) if text and not text.why_not else None,
            "not_shown": text.why_not or None if text else None,
        }


def _what(change: Change, shared: Collection[Detail]) -> str:
    """What is worth knowing of a path, but for what all share."""
    entry = change.new or change.old
    if change.details or not entry:
        own = (each for each in change.details if each not in shared)
        return ", ".join(_content(change) if each.what == CONTENT else str(each) for each in own)
    if entry.type == LINK:
        return f"link to {shown(entry.link)}"
    size = f", {told(entry.size)}" if entry.type == FILE else ""
    return f"{entry.type}, mode {entry.mode:04o}{size}"


def _content(change: Change) -> str:
    return f"content {_sizes(*change.sizes)}"


def _sizes(before: int, after: int) -> str:
    sign, by = "-" if after < before else "+", abs(after - before)
    if max(before, after) < _SMALL:
        return f"{before} → {count(after, 'byte')} ({sign}{by})"
    return f"{told(before)} → {told(after)} ({sign}{told(by)})"


def _size(of: Manifest) -> int:
    return sum(entry.size for entry in of.entries)


def _plain_sizes(before: int, after: int) -> dict[str, int]:
    return {"old": before, "new": after, "difference": after - before}


def _plain_entry(entry: Entry) -> Any:
    """An entry as its line of the manifest has it."""
    return json.loads(manifest.lines([entry]))
