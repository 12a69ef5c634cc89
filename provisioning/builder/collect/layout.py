"""Lays out a variant: where each item comes from and goes to, one item per destination."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter, methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.deb import control
from provisioning.artifact.formats import DEB
from provisioning.artifact.model import placement
from provisioning.artifact.model.entry import (
    DEBIAN,
    DEVICE,
    DIR,
    FILE,
    HOOKS,
    RESERVED,
    TOOL,
    collision_key,
    path_fault,
    shown,
    sound_keys,
)
from provisioning.builder.collect import checks
from provisioning.builder.collect.expand import Expansion, Item, content_fault, origin_of
from provisioning.builder.collect.patterns import is_glob
from provisioning.builder.plan.needs import NOBODY, Need, absent, need_of
from provisioning.spec.diagnostics import Diagnostic, nearest_path, no_glob
from provisioning.spec.resolve.inputs import leads_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.builder.collect.sources import Sources
    from provisioning.builder.plan.needs import Absent, MadeBy
    from provisioning.spec.model.variant import Content, Document, HookSpec, Variant
    from provisioning.spec.yaml.node import Origin

_SCRIPT, _DOCUMENT = 0o755, 0o644
_INSTALLER = collision_key(TOOL)
_SPECIAL = frozenset({_INSTALLER, DEVICE})
_may_be_reserved = methodcaller("startswith", RESERVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The items of a variant, sorted by path, each directory before what it holds."""

    variant: Variant
    items: tuple[Item, ...]
    absent: tuple[Absent, ...] = ()


class Doubt(NamedTuple):
    """A fault of a layout, which may vanish once a task has made what it needs."""

    fault: Diagnostic
    need: Need | None
    """What is missing; None if the whole package is concerned."""


def draft(
    variant: Variant, sources: Sources, makers: MadeBy = NOBODY
) -> tuple[Layout, list[Doubt]]:
    """Lay out a variant; return its faults too: with some, only what is there is laid out."""
    draft = _Draft(variant, sources, makers)
    return draft.layout(), draft.doubts


def placed_by(variant: Variant, sources: Sources) -> dict[str, Content]:
    """The content that each path comes from, without implied directories."""
    _, placed, _ = draft_of(variant, sources)
    return placed


def draft_of(
    variant: Variant, sources: Sources
) -> tuple[Layout, dict[str, Content], list[Diagnostic]]:
    """Lay out what is there; return the content of each path, and the faults, too."""
    draft = _Draft(variant, sources, NOBODY)
    layout = draft.layout()
    placed = {path: content for path, (_, content) in draft.placed.items()}
    return layout, placed, draft.faults


@dataclass(slots=True)
class _Draft:
    """A layout under construction: what is placed where, and by which content."""

    variant: Variant
    sources: Sources
    makers: MadeBy
    faults: list[Diagnostic] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    placed: dict[str, tuple[Item, Content]] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)  # collision key → path

    def layout(self) -> Layout:
        absent = tuple(filter(None, map(self._expand, self.variant.contents)))
        for hook in self.variant.hooks:
            if self._check(hook):
                self._check_runs(hook)
            self._doubt(Need(hook.source, hook.origin))
        for document in self.variant.documents:
            self._check(document)
            self._doubt(Need(document.source, document.origin))
        items = [item for item, _ in self.placed.values()]
        for path, reason in placement.faults(items):
            self._fault("path", self.placed[path][1], f"{path} {reason}")
        items += self._parents()
        self._check_deb(items)  # guard: deb-items
        items += self._brought_along()
        # By code point, which is also by the bytes of UTF-8.
        items.sort(key=itemgetter(0))  # guard: items-in-order
        if not self.faults:  # else what is needed may only seem to be missing
            known = {item.path: item for item in items}
            self.faults += checks.program_faults(self.variant, known)
            self.faults += checks.link_faults(self.variant, self.placed, known)
        self._doubt(None)
        return Layout(variant=self.variant, items=tuple(items), absent=absent)

    def _expand(self, content: Content) -> Absent | None:
        """Place the items of a content; return it if it is optional and has none."""
        expansion = Expansion(self.variant, self.sources, self.makers, self.faults)
        items = [*expansion.items(content)]
        self._place_all(items, content)
        self._doubt(need_of(self.variant, content, self.sources.output))
        return absent(content) if content.optional and not items else None

    def _doubt(self, need: Need | None) -> None:
        """Assign the faults found since the last call to `need`."""
        new = self.faults[len(self.doubts) :]
        self.doubts += [Doubt(fault, need) for fault in new]

    def _check_deb(self, items: list[Item]) -> None:
        if DEB not in self.variant.formats:
            return
        hint = "choose another name, or leave deb out"
        for path, reason in control.faults(self.variant.name, self.variant.prefix, items):
            content = self.placed[self._placed_in(path)][1]
            self._fault("not-debian", content, f"{path} {reason}", hint=hint)

    def _placed_in(self, path: str) -> str:
        """The path itself, or the first one below an implied directory."""
        below = (each for each in self.placed if each.startswith(f"{path}/"))
        return path if path in self.placed else next(below)

    def _place_all(self, items: list[Item], content: Content) -> None:
        sound = [item for item in items if item.path.isascii()]
        rest = [item for item in items if not item.path.isascii()]
        for item in rest if self._place_at_once(sound, content) else items:
            self._place(item, content)

    def _place_at_once(self, items: list[Item], content: Content) -> bool:
        """Place many items in a tenth of the time; false if one needs a closer look."""
        paths = [item.path for item in items]
        keys = sound_keys(paths)
        if keys is None or any(map(_may_be_reserved, keys)):
            return False
        taken = dict(zip(keys, paths, strict=True))
        if len(taken) < len(paths) or not taken.keys().isdisjoint({*_SPECIAL, *self.taken}):
            return False
        self.placed.update(zip(paths, zip(items, repeat(content)), strict=False))
        self.taken.update(taken)
        return True

    def _place(self, item: Item, content: Content) -> None:
        reason = path_fault(item.path)  # guard: path-in-a-package
        if item.path[:1] == RESERVED[0] and collision_key(item.path.split("/", 1)[0]) == RESERVED:
            reason = "is reserved for the package's own records"
        elif collision_key(item.path) == _INSTALLER:
            reason = "is where the package has its own installer"
        elif self.variant.device and collision_key(item.path) == DEVICE:
            reason = "is where the machine keeps its own values"
        if reason:
            name = shown(item.source) or shown(item.path)
            self._fault("path", content, f"{name}: as a path in the package, this {reason}")
            return
        key = collision_key(item.path)
        if key in self.taken:
            self._collide(key, item.path, content)
        else:
            self.placed[item.path] = (item, content)
            self.taken[key] = item.path

    def _collide(self, key: str, path: str, content: Content, inside: str = "") -> None:
        """Report that `content` needs a taken path: as a directory, if for `inside`."""
        other = self.taken[key]
        hint = "give one of them another dst"
        related: tuple[tuple[Origin, str], ...] = ()
        if other in self.placed:
            first = self.placed[other][1]
            related = ((origin_of(first, "dst"), f"{first.where} puts {other} there"),)
            if other == path:
                hint = _into(path, first) if inside else _way_out(path, first, content)
        if other != path:
            message = f"{path} and {other} are the same file where case or accents do not count"
        elif inside:
            message = f"{inside} needs {path} to be a directory"
        else:
            message = f"two contents go to {path}"
        self._fault("collision", content, message, related, hint)

    def _parents(self) -> list[Item]:
        """The directories that no content names, but paths need."""
        parents: dict[str, Item] = {}
        owner, group, mode = self.variant.owner, self.variant.group, self.variant.dir_mode
        # The first path in each directory needs what all others there need.
        first: dict[str, str] = {}
        for path in self.placed:
            first.setdefault(path.rpartition("/")[0], path)
        for path in first.values():
            for parent in _ancestors(path):
                if parent in parents or self._is_directory(parent):
                    break
                key = collision_key(parent)
                if key in self.taken:
                    self._collide(key, parent, self.placed[path][1], path)
                    break
                parents[parent] = Item(parent, DIR, mode, owner, group)
                self.taken[key] = parent
        return list(parents.values())

    def _brought_along(self) -> Iterator[Item]:
        """Items besides the contents: hooks, documents, and the tool."""
        # Root runs them: any other owner could make root run anything.
        owner, group = "root", self.variant.group
        if self.variant.hooks:
            yield Item(HOOKS, DIR, _SCRIPT, owner, group)
        for hook in self.variant.hooks:
            yield Item(f"{HOOKS}/{hook.hook.name}", FILE, _SCRIPT, owner, group, source=hook.source)
        if self.variant.documents:
            yield Item(DEBIAN, DIR, _SCRIPT, owner, group)
        for document in self.variant.documents:
            path = f"{DEBIAN}/{document.name}"
            yield Item(path, FILE, _DOCUMENT, owner, group, source=document.source)
        if self.sources.tool:
            yield Item(TOOL, FILE, _SCRIPT, owner, group, source=self.sources.tool)

    def _is_directory(self, path: str) -> bool:
        return path in self.placed and self.placed[path][0].type == DIR

    def _check(self, part: HookSpec | Document) -> bool:
        """Check that the file of a hook or a document exists."""
        reason = hint = ""
        if leads_out(Path(), part.source):  # guard: hook-out-of-the-project
            reason = "leads out of the project"
        elif os.path.lexists(part.source):
            reason = "" if os.path.isfile(part.source) else "is not a file"
        else:
            near = nearest_path(Path(), part.source)
            reason = "does not exist"
            hint = no_glob(part.source) or (f"did you mean {near}?" if near else "")
        if reason:
            message = f"{part.source} {reason}"
            self.faults.append(Diagnostic.at(part.origin, "no-source", message, hint))
        return not reason

    def _check_runs(self, hook: HookSpec) -> None:
        try:
            reason, hint = checks.why_not(hook.source)
        except OSError as error:
            reason, hint = f"cannot be read: {error.strerror}", ""
        if reason:
            message = f"{hook.source} {reason}"
            self.faults.append(Diagnostic.at(hook.origin, "not-runnable", message, hint))

    def _fault(
        self,
        code: str,
        content: Content,
        message: str,
        related: tuple[tuple[Origin, str], ...] = (),
        hint: str = "",
    ) -> None:
        found = content_fault(code, content, "dst", message, hint=hint, related=related)
        self.faults.append(found)


def _into(path: str, first: Content) -> str:
    """The hint if a content goes to a path that has to be a directory."""
    if first.kind in {"src", "template"} and first.dst == path and not first.into:
        return f"write dst: {path}/ to put it into that directory, or give one of them another dst"
    return "give one of them another dst"


def _way_out(path: str, first: Content, second: Content) -> str:
    """The hint if two contents go to one path."""
    other = "give one of them another dst"
    for each in (first, second):
        if each.kind == "src" and (is_glob(each.source) or os.path.isdir(each.source)):
            return f"exclude it from {each.where}, or {other}"
    if first.dst == path and not first.into:
        return f"{other}, or put `- remove: {path}` between them"
    return other


def _ancestors(path: str) -> Iterator[str]:
    """The directories above `path`, the nearest first."""
    while "/" in path:
        path = path[: path.rindex("/")]
        yield path
