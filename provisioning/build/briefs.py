"""Knows the briefs of the last plan, for as long as layouts would come out as they did."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from provisioning.build import seen, workspace
from provisioning.build.need import Absent, needs_of
from provisioning.build.part import Before, Brief
from provisioning.build.specs import code_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provisioning.build.notes import Notes
    from provisioning.build.signature import Signature
    from provisioning.build.sources import Sources
    from provisioning.build.specs import Known
    from provisioning.spec.variant import Variant


class Briefs:
    """What is remembered for the variants that are known, of the sources as they are."""

    def __init__(self, notes: Notes, known: Known, sources: Sources, artifacts: str) -> None:
        self._notes, self._sources, self._artifacts = notes, sources, artifacts
        self._known = known
        self._state = _digest_of(known, sources.state)
        self._trees = sources.found()
        self._changed: Mapping[str, Signature] | None = None
        self._kept: list[Brief] | None = None

    def recall(self) -> list[Brief] | None:
        """The briefs, in the order of the variants, if they still hold, but for contents."""
        note = self._notes.get("briefs") if self._state else None
        if note is None or not self._holds(note.document):
            return None
        if any(self._sources.stamp(name) != was for name, was in note.document["named"].items()):
            return None
        briefs = [_brief(*each) for each in note.document["briefs"]]
        if self._changed is None:
            self._kept = briefs
        return briefs

    def before(self, variant: Variant, brief: Brief) -> Before | None:
        """What was collected of a variant, where files have changed since."""
        if self._changed is None:
            return None
        place = workspace.workspace(variant, self._artifacts)
        return Before(place.collected, brief.content, self._changed)

    def keep(self, briefs: list[Brief]) -> None:
        """Write `briefs` down, unless a file might change and not show it."""
        if briefs == self._kept or not self._state:
            return
        named = sorted({name for brief in briefs for name in brief.named})
        # Before it is asked what has settled: one that was edited since names others now.
        stamps = {name: self._sources.stamp(name) for name in named}
        if not self._sources.settled():
            return
        document = {
            "state": self._state,
            "shape": _digest_of(self._known, self._sources.shape),
            "seen": seen.keep(workspace.seen(self._artifacts), self._trees),
            "named": stamps,
            "briefs": briefs,
        }
        self._notes.put("briefs", document)
        self._kept = briefs

    def _holds(self, document: Mapping[str, Any]) -> bool:
        """Whether a layout would come out as it did; and find out what has changed all the same."""
        if document["state"] == self._state:
            return True
        if document.get("shape") != _digest_of(self._known, self._sources.shape):
            return False
        trees = seen.recall(workspace.seen(self._artifacts), document["seen"])
        if trees is None:
            return False
        self._changed = self._sources.changed(trees)
        return True


def _brief(items: str, templates: Any, named: Any, content: str, absent: Any) -> Brief:
    """A brief as it was put, of what JSON has made of it."""
    placed = tuple((path, source) for path, source in templates)
    return Brief(items, placed, tuple(named), content, tuple(Absent(*each) for each in absent))


def _digest_of(known: Known, told: Callable[[str], str]) -> str:
    """What differs once a layout may come out as another; "" where that cannot be told.

    Of each source, `told` says what may differ.
    """
    named = {need.source for variant in known.variants for need in needs_of(variant)}
    try:
        states = [f"{name} {told(name)}" for name in sorted(named)]
    except OSError:
        return ""
    found = "\n".join((code_state(), known.digest, *states))
    return hashlib.sha256(found.encode("utf-8", "surrogateescape")).hexdigest()
