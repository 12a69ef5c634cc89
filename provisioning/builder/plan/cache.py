"""Knows what the walks of the last run found: the next one then looks at what changed alone."""

from __future__ import annotations

import hashlib
import json
import marshal
import os
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import provisioning
from provisioning.artifact import filesystem
from provisioning.artifact.model.device import Value
from provisioning.artifact.model.package import Health, Hook, Service
from provisioning.builder.collect.file_state import MARSHAL
from provisioning.builder.collect.sources import Tree
from provisioning.builder.plan.needs import Absent, needs_of
from provisioning.builder.plan.variant_plan import Before, Brief
from provisioning.builder.workspace import output, paths
from provisioning.builder.workspace.cache import digest_of
from provisioning.errors import ProvisioningError
from provisioning.spec.model.variant import (
    Content,
    Document,
    HookSpec,
    Maker,
    ServiceSpec,
    Variant,
)
from provisioning.spec.resolve.inputs import SPECS, Input
from provisioning.spec.yaml.node import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from provisioning.builder.collect.file_state import Digests, Signature
    from provisioning.builder.collect.sources import Found, Sources
    from provisioning.builder.workspace.cache import Notes
    from provisioning.spec.diagnostics import Diagnostic
    from provisioning.spec.resolve.inputs import Inputs

    Trees = dict[str, list[Found]]


def keep(path: Path, trees: Trees) -> str:
    """Leave `trees` in a file, and return the digest that they are asked for by; "" if they cannot.

    Their loss costs time alone.
    """
    data = marshal.dumps(trees, MARSHAL)
    output.sweep_old(path)  # guard: stale-plans
    return filesystem.of_bytes(data) if output.remember(path, (data,)) else ""


def recall(path: Path, kept: str) -> Trees | None:
    """The trees that `keep` gave this digest, if they are undamaged, and the last ones."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    # Only what this tool has written is read: marshal trusts what it is given.
    trees: Trees | None = marshal.loads(data) if filesystem.of_bytes(data) == kept else None  # noqa: S302
    return trees


T = TypeVar("T", Content, Document, ServiceSpec, HookSpec)
_CONTENTS, _DOCUMENTS, _SERVICES, _HOOKS, _DEVICE = map(
    Variant._fields.index, ("contents", "documents", "services", "hooks", "device")
)


class Known(NamedTuple):
    """What the specs say, and whether that was read just now."""

    variants: tuple[Variant, ...]
    digest: str
    """Another one wherever anything but a variable's value is."""
    faults: tuple[Diagnostic, ...] = ()
    ignored: tuple[str, ...] = ()
    """Names given on the command line that no spec knows."""
    fresh: bool = True
    files: tuple[tuple[str, str], ...] = ()
    """The specs, fragments and platform files of the project, each with its digest."""
    from_git: frozenset[str] = frozenset()
    """The variants whose version git tells, by their keys."""
    asked: tuple[str, ...] = ()
    """All that they are read from, whether it is there or not; directories end in a slash."""


class Specs:
    """The specs of a project, remembered in `notes`."""

    def __init__(self, inputs: Inputs, digests: Digests, notes: Notes) -> None:
        self._inputs = inputs
        self._digests = digests
        self._notes = notes
        self._here = f"{os.getcwd()}/"

    def known(self) -> Known:
        """What they say, remembered if nothing that they were made from has changed.

        What is remembered tells of each content where it stands, but not of each of its keys.
        """
        note = None if self._inputs.overrides else self._notes.get("variants")
        if note is None or not self._is_current(note.document):
            return self.read()
        contents = [_content(each) for each in note.document["contents"]]
        variants = tuple(_variant(each, contents) for each in note.document["variants"])
        account = {Input(kind, name): state for kind, name, state in note.document["account"]}
        ends = {"file": "", "listing": "/"}
        asked = tuple(each.name + ends[each.kind] for each in account if each.kind in ends)
        return Known(variants, note.digest, fresh=False, asked=asked, **_told_by(account))

    def read(self) -> Known:
        """What they say, read anew."""
        # Imported here: readers and checkers of YAML are a cost for specs that changed alone.
        from provisioning.spec.resolve.project import read_project  # noqa: PLC0415

        with self._inputs.account() as account:
            reading = read_project(self._inputs)
        shown = reading.variants
        if self._inputs.overrides or self._inputs.secretive:
            # No digest of a secret either: whoever knows the rest could try them all.
            document = _document((variant._replace(variables={}) for variant in shown), {})
        else:
            document = _document(shown, account)
        if self._inputs.secretive:
            self._notes.forget("variants")
        elif not self._inputs.overrides and not reading.diagnostics:
            self._notes.put("variants", document)
        told = digest_of(document), reading.diagnostics, reading.ignored
        asked = tuple(sorted(self._inputs.asked))
        return Known(reading.variants, *told, asked=asked, **_told_by(account))

    def _is_current(self, document: Any) -> bool:
        try:
            return document["code"] == code_state() and all(map(self._holds, document["account"]))
        except (OSError, ProvisioningError):
            return False  # a file is gone, or can no longer be read: a fresh reading tells

    def _holds(self, noted: tuple[Any, str, str]) -> bool:
        kind, name, state = noted
        return self._inputs.state(Input(kind, name), self._digest) == state

    def _digest(self, path: str) -> str:
        # Of each spec in every run: os.path.relpath takes longer than all else that is done for it.
        return self._digests.look(path.removeprefix(self._here)).digest


def _told_by(account: Mapping[Input, str]) -> dict[str, Any]:
    """What is known besides, of all that was asked for."""
    # Nothing but specs: no digest of a file with secrets, which one could try to guess, is kept.
    specs = (
        (asked.name, state.rpartition(" ")[2])
        for asked, state in account.items()
        if asked.kind == "file" and asked.name.startswith(f"{SPECS}/")
    )
    from_git = frozenset(asked.name for asked in account if asked.kind == "git")
    return {"files": tuple(sorted(specs)), "from_git": from_git}


def _document(variants: Iterable[Variant], account: dict[Input, str]) -> Any:
    # The platforms of one package share most of their contents.
    contents: dict[str, int] = {}
    return {
        "code": code_state(),
        "account": [(*asked, state) for asked, state in account.items()],
        "variants": [_values(variant, contents) for variant in variants],
        "contents": [json.loads(content) for content in contents],
    }


@cache
def code_state() -> str:
    """What tells apart two states of this program, which may make other plans of the same specs."""
    return Tree(os.path.dirname(provisioning.__file__), os.devnull).state


def _values(part: Any, contents: dict[str, int]) -> Any:
    """The fields of a variant, or of a part of it, as JSON has them; a content as its number."""
    if isinstance(part, ServiceSpec):
        part = part._replace(origins={})
    if isinstance(part, Content):
        spelled = json.dumps([_values(each, contents) for each in part._replace(origins={})])
        return contents.setdefault(spelled, len(contents))
    if isinstance(part, Origin):
        return [part.file, part.line, part.column, part.path]
    if isinstance(part, tuple):
        return [_values(each, contents) for each in part]
    return sorted(part) if isinstance(part, frozenset) else part


def _variant(values: list[Any], contents: Sequence[Content]) -> Variant:
    variant = Variant(*values)
    return variant._replace(
        formats=tuple(variant.formats),
        contents=tuple(contents[number] for number in values[_CONTENTS]),
        documents=tuple(_placed(Document(*each)) for each in values[_DOCUMENTS]),
        services=tuple(map(_service, values[_SERVICES])),
        hooks=tuple(map(_hook, values[_HOOKS])),
        device=tuple(Value(*each) for each in values[_DEVICE]),
        doubtful=tuple(map(tuple, variant.doubtful)),
        secrets=frozenset(variant.secrets),
        origin=_origin(variant.origin),
        said_by=tuple(variant.said_by),
    )


def _service(values: list[Any]) -> ServiceSpec:
    spec = _placed(ServiceSpec(*values))
    service = Service(*spec.service)
    environment = tuple((name, value) for name, value in service.environment)
    health = service.health and Health(*service.health)
    return spec._replace(service=service._replace(environment=environment, health=health))


def _hook(values: list[Any]) -> HookSpec:
    spec = _placed(HookSpec(*values))
    return spec._replace(hook=Hook(*spec.hook))


def _content(values: list[Any]) -> Content:
    content = _placed(Content(*values))
    makers = tuple(Maker(name, _origin(place)) for name, place in content.makers)
    return content._replace(exclude=tuple(content.exclude), makers=makers)


def _placed(part: T) -> T:
    return part._replace(origin=_origin(part.origin))


def _origin(values: Any) -> Origin:
    file, line, column, path = values
    return Origin(file=file, line=line, column=column, path=path)


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
        place = paths.workspace(variant, self._artifacts)
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
            "seen": keep(paths.seen(self._artifacts), self._trees),
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
        trees = recall(paths.seen(self._artifacts), document["seen"])
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
