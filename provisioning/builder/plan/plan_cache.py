"""Remembers what the specs said and their layouts, so that a run looks only at changes."""

from __future__ import annotations

import hashlib
import json
import marshal
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.formats import DEB
from provisioning.builder.collect.file_state import MARSHAL
from provisioning.builder.collect.sources import code_state
from provisioning.builder.plan.variant_plan import LayoutSummary, Remembered, all_of
from provisioning.builder.workspace import output, paths
from provisioning.builder.workspace.caches import digest_of, from_plain, to_plain
from provisioning.errors import ProvisioningError
from provisioning.spec.model.variant import Content, OperatingSystem, Variant
from provisioning.spec.resolve.inputs import SPECS, Input

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from provisioning.builder.collect.file_state import Digests, Signature
    from provisioning.builder.collect.sources import Found, Sources
    from provisioning.builder.workspace.caches import Notes
    from provisioning.spec.diagnostics import Diagnostic
    from provisioning.spec.resolve.inputs import Inputs

    Trees = dict[str, list[Found]]


def keep(path: Path, trees: Trees) -> str:
    """Write `trees` to a file, and return their digest, which `recall` takes; "" if that fails.

    Losing them only costs time.
    """
    data = marshal.dumps(trees, MARSHAL)
    output.sweep_old(path)  # guard: stale-plans
    return filesystem.of_bytes(data) if output.remember(path, (data,)) else ""


def recall(path: Path, kept: str) -> Trees | None:
    """The trees with this digest, if they were written last and are undamaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    # Only what this tool has written is read: marshal trusts what it is given.
    trees: Trees | None = marshal.loads(data) if filesystem.of_bytes(data) == kept else None  # noqa: S302
    return trees


class Known(NamedTuple):
    """What the specs say, and whether that was read just now."""

    variants: tuple[Variant, ...]
    layouts: tuple[str, ...]
    """The `layout_key` of each variant."""
    faults: tuple[Diagnostic, ...] = ()
    ignored: tuple[str, ...] = ()
    """Names given on the command line that no spec knows."""
    fresh: bool = True
    files: tuple[tuple[str, str], ...] = ()
    """The specs, fragments and platform files of the project, each with its digest."""
    from_git: frozenset[str] = frozenset()
    """The variants whose version comes from git, by their keys."""
    asked: tuple[str, ...] = ()
    """Everything that they are read from, whether it is there or not; directories end in a
    slash."""


class Specs:
    """The specs of a project, remembered in `notes`."""

    def __init__(self, inputs: Inputs, digests: Digests, notes: Notes) -> None:
        self._inputs = inputs
        self._digests = digests
        self._notes = notes
        self._here = f"{os.getcwd()}/"

    def known(self) -> Known:
        """What they say; read from the cache if none of their inputs has changed.

        The cache has the place of each content, but not of each of its keys.
        """
        note = None if self._inputs.overrides else self._notes.get("variants")
        if note is None or not self._is_current(note.document):
            return self.read()
        variants, layouts = tuple(_variants(note.document)), tuple(note.document["layouts"])
        account = {Input(kind, name): state for kind, name, state in note.document["account"]}
        ends = {"file": "", "listing": "/"}
        asked = tuple(each.name + ends[each.kind] for each in account if each.kind in ends)
        return Known(variants, layouts, fresh=False, asked=asked, **_told_by(account))

    def read(self) -> Known:
        """What they say, read from their files again."""
        # Imported here: readers and checkers of YAML are a cost for specs that changed alone.
        from provisioning.spec.resolve.project import read_project  # noqa: PLC0415

        with self._inputs.account() as account:
            reading = read_project(self._inputs)
        layouts = tuple(map(layout_key, reading.variants))
        if self._inputs.secretive:
            self._notes.forget("variants")
        elif not self._inputs.overrides and not reading.diagnostics:
            self._notes.put("variants", _document(reading.variants, layouts, account))
        asked = tuple(sorted(self._inputs.asked))
        told = reading.diagnostics, reading.ignored
        return Known(reading.variants, layouts, *told, asked=asked, **_told_by(account))

    def _is_current(self, document: Any) -> bool:
        try:
            return document["code"] == code_state() and all(map(self._holds, document["account"]))
        except (OSError, ProvisioningError):
            return False  # a file is gone, or can no longer be read: a fresh reading reports it

    def _holds(self, noted: tuple[Any, str, str]) -> bool:
        kind, name, state = noted
        return self._inputs.state(Input(kind, name), self._digest) == state

    def _digest(self, path: str) -> str:
        # Done for each spec in every run: os.path.relpath would take longer than all else that is
        # done.
        return self._digests.look(path.removeprefix(self._here)).digest


def _told_by(account: Mapping[Input, str]) -> dict[str, Any]:
    """Everything else that follows from what was read."""
    # Nothing but specs: no digest of a file with secrets, which one could try to guess, is kept.
    specs = (
        (asked.name, state.rpartition(" ")[2])
        for asked, state in account.items()
        if asked.kind == "file" and asked.name.startswith(f"{SPECS}/")
    )
    from_git = frozenset(asked.name for asked in account if asked.kind == "git")
    return {"files": tuple(sorted(specs)), "from_git": from_git}


def _document(
    variants: Iterable[Variant], layouts: Sequence[str], account: dict[Input, str]
) -> dict[str, Any]:
    # The platforms of one package share most of their contents.
    numbers: dict[str, int] = {}

    def number(content: Content) -> int:
        spelled = json.dumps(to_plain(content._replace(origins={})))
        return numbers.setdefault(spelled, len(numbers))

    told = [(to_plain(_bare(each)), [*map(number, each.contents)]) for each in variants]
    return {
        "code": code_state(),
        "account": [(*asked, state) for asked, state in account.items()],
        "variants": told,
        "layouts": layouts,
        "contents": [json.loads(content) for content in numbers],
    }


def _variants(document: Mapping[str, Any]) -> Iterator[Variant]:
    """The variants in a document, without the places of single keys."""
    contents = [from_plain(Content, each) for each in document["contents"]]
    for plain, numbers in document["variants"]:
        taken = tuple(contents[number] for number in numbers)
        yield from_plain(Variant, plain)._replace(contents=taken)


def _bare(variant: Variant) -> Variant:
    services = tuple(each._replace(origins={}) for each in variant.services)
    return variant._replace(contents=(), services=services)


_NOT_LAID_OUT: dict[str, Any] = {
    **dict.fromkeys(("version", "platform", "os", "arch", "summary", "license", "maintainer"), ""),
    **dict.fromkeys(("mtime", "file", "said_by", "doubtful", "secrets", "origin"), ""),
    **dict.fromkeys(("compression", "variables"), ""),
    "system": OperatingSystem(),
}
"""Fields that no layout depends on: variables were already filled in where contents use them."""


def layout_key(variant: Variant) -> str:
    """Equal for variants that have the same layout if they have the same files."""
    contents = tuple(each._replace(origins={}) for each in variant.contents)
    formats = tuple(each for each in variant.formats if each == DEB)  # which demands more of names
    told = _bare(variant)._replace(contents=contents, formats=formats, **_NOT_LAID_OUT)
    return digest_of(to_plain(told))


class LayoutCache:
    """Layout summaries of the last run, each valid while that variant's sources are unchanged."""

    def __init__(self, notes: Notes, known: Known, sources: Sources, artifacts: str) -> None:
        self._notes, self._sources, self._artifacts = notes, sources, artifacts
        self._now = {
            variant.key: (self._digest_of(variant, layout, sources.state), layout)
            for variant, layout in zip(known.variants, known.layouts, strict=True)
        }
        self._trees = sources.found()
        note = notes.get("layouts")
        self._noted: Mapping[str, Any] = note.document if note else {}

    def recall(self, variant: Variant) -> Remembered | None:
        """The summary of a variant's layout, if the layout would be the same now."""
        state, layout = self._now[variant.key]
        noted = self._noted.get("variants", {}).get(variant.key)
        if not state or noted is None:
            return None
        old, shape, plain = noted
        if state != old and shape != self._digest_of(variant, layout, self._sources.shape):
            return None
        summary = from_plain(LayoutSummary, plain)
        stamps = self._noted["named"]
        if any(self._sources.stamp(name) != stamps[name] for name in summary.named):
            return None
        if state == old:
            return Remembered(summary)
        if self._changed is None:
            return None
        return Remembered(summary, paths.workspace(variant, self._artifacts), self._changed)

    @cached_property
    def _changed(self) -> Mapping[str, Signature] | None:
        """The files whose content may have changed since the last run; None if that is unknown."""
        trees = recall(paths.seen(self._artifacts), self._noted["seen"])
        return None if trees is None else self._sources.changed(trees)

    def keep(self, plans: Iterable[tuple[Variant, LayoutSummary]]) -> None:
        """Store summaries, unless a file could still change without its signature showing it."""
        known = {variant.key: (variant, summary) for variant, summary in plans}
        named = sorted({name for _, summary in known.values() for name in summary.named})
        # Before it is asked what has settled: one that was edited since names others now.
        stamps = {name: self._sources.stamp(name) for name in named}
        noted = {key: self._entry(*each) for key, each in known.items() if self._now[key][0]}
        if (noted, stamps) == (self._noted.get("variants"), self._noted.get("named")):
            return
        if self._sources.settled():
            seen = keep(paths.seen(self._artifacts), self._trees)
            self._notes.put("layouts", {"seen": seen, "named": stamps, "variants": noted})

    def _entry(self, variant: Variant, summary: LayoutSummary) -> list[Any]:
        state, layout = self._now[variant.key]
        return [state, self._digest_of(variant, layout, self._sources.shape), to_plain(summary)]

    def _digest_of(self, variant: Variant, layout: str, told: Callable[[str], str]) -> str:
        """Changes whenever the layout of a variant may change; "" if that cannot be determined.

        `told` returns the state, or the shape, of a source.
        """
        try:
            states = [f"{name} {told(name)}" for name in sorted(all_of(variant, self._sources))]
        except OSError:
            return ""
        found = "\n".join((code_state(), layout, *states))
        return hashlib.sha256(found.encode("utf-8", "surrogateescape")).hexdigest()
