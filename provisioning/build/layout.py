"""Knows where everything of a variant comes from and goes to: exactly one item per destination."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import installed
from provisioning.artifact.entry import DIR, FILE, LINK
from provisioning.artifact.path import (
    DEBIAN,
    DEVICE,
    HOOKS,
    RESERVED,
    TOOL,
    collision_key,
    link_fault,
    path_fault,
    shown,
)
from provisioning.build import programs
from provisioning.build.sources import is_exclude, is_glob, literal_prefix
from provisioning.build.tree import kind_of
from provisioning.spec.fault import Fault, SpecError
from provisioning.spec.inputs import leads_out
from provisioning.spec.near import nearest_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.build.sources import Sources
    from provisioning.spec.origin import Origin
    from provisioning.spec.variant import Content, Document, Hook, Variant

_LINK_MODE = 0o777
_EXECUTABLE = 0o111
_SCRIPT, _DOCUMENT = 0o755, 0o644
_INSTALLER = collision_key(TOOL)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The items of a variant, sorted by path, each directory before what it holds."""

    variant: Variant
    items: tuple[Item, ...]


def lay_out(
    variants: Iterable[Variant], sources: Sources, faults: Iterable[Fault] = ()
) -> tuple[Layout, ...]:
    """The layout of each variant, with the files that `sources` find.

    Raises:
        SpecError: with every fault of every variant, each at the line that causes it, and with
            the `faults` of variants that could not even be read.
    """
    drafts = [_Draft(variant, sources) for variant in variants]
    layouts = tuple(draft.layout() for draft in drafts)
    # A content that several platforms share has its fault once.
    found = [*faults, *dict.fromkeys(fault for draft in drafts for fault in draft.faults)]
    if found:
        raise SpecError(found, Path())
    return layouts


def placed_by(variant: Variant, sources: Sources) -> dict[str, Content]:
    """Which content puts each path of the package there, directories on the way left out."""
    draft = _Draft(variant, sources)
    draft.layout()
    return {path: content for path, (_, content) in draft.placed.items()}


@dataclass(slots=True)
class _Draft:
    """A layout in the making: what is placed where, and by which content."""

    variant: Variant
    sources: Sources
    faults: list[Fault] = field(default_factory=list)
    placed: dict[str, tuple[Item, Content]] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)  # collision key → path

    def layout(self) -> Layout:
        for content in self.variant.contents:
            for item in self._items(content):
                self._place(item, content)
        for hook in self.variant.hooks:
            self._check(hook)
        for document in self.variant.documents:
            self._check(document)
        items = [item for item, _ in self.placed.values()]
        for path, reason in installed.faults(items):
            self._fault("path", self.placed[path][1], "dst", f"{path} {reason}")
        items += self._parents()
        items += self._brought_along()
        # By code point, which is by the bytes of UTF-8 too.
        items.sort(key=itemgetter(0))
        if not self.faults:  # else what a service needs may only seem to be missing
            self.faults += programs.faults(self.variant, {item.path: item for item in items})
        return Layout(variant=self.variant, items=tuple(items))

    def _items(self, content: Content) -> Iterable[Item]:
        if content.kind == "dir":
            mode = self.variant.dir_mode if content.mode is None else content.mode
            return [Item(content.dst, DIR, mode, content.owner, content.group)]
        if content.kind == "link":
            return [self._link(content, content.dst, content.source, "")]
        if not self._inside(content):
            return []
        if content.kind == "template":
            return self._template(content)
        return self._src(content)

    def _inside(self, content: Content) -> bool:
        """Whether the source is one: of the project, and not made by the build; else a fault."""
        entered = literal_prefix(content.source)
        if leads_out(Path(), entered):
            self._fault("outside", content, content.kind, f"{entered} leads out of the project")
        elif self.sources.is_output(content.source):
            self._fault("outside", content, content.kind, "this is what the build itself makes")
        else:
            return True
        return False

    def _template(self, content: Content) -> Iterable[Item]:
        try:
            status = os.lstat(content.source)
        except OSError as error:
            if not (content.optional and isinstance(error, FileNotFoundError)):
                self._unreadable(content, error)
            return []
        if not stat.S_ISREG(status.st_mode):
            self._fault("not-a-file", content, "template", f"{content.source} is not a file")
            return []
        mode = self._mode(content, executable=bool(status.st_mode & stat.S_IXUSR))
        return [self._file(content, _target(content), content.source, mode=mode, template=True)]

    def _mode(self, content: Content, *, executable: bool) -> int:
        if content.mode is not None:
            return content.mode
        return self.variant.file_mode | (_EXECUTABLE if executable else 0)

    def _src(self, content: Content) -> Iterable[Item]:
        source = content.source
        try:
            if is_glob(source) or stat.S_ISDIR(os.lstat(source).st_mode):
                return list(self._selected(content))
            kind = stat.S_IFMT(os.lstat(source).st_mode)
        except FileNotFoundError as error:
            if not content.optional:
                self._unreadable(content, error)
            return []
        except OSError as error:
            self._unreadable(content, error)
            return []
        if not content.optional:
            self._idle(content, range(len(content.exclude)))
        return self._source(content, _target(content), source, kind)

    def _selected(self, content: Content) -> Iterator[Item]:
        """What a directory or a glob stands for."""
        bad = [pattern for pattern in content.exclude if not is_exclude(pattern)]
        for pattern in bad:
            self._fault("bad-pattern", content, "exclude", f"{pattern} is no pattern of gitignore")
        selection = self.sources.select(content.source, [] if bad else content.exclude)
        if not content.optional:
            self._idle(content, selection.idle_excludes)
            if not selection.files:
                self._fault(
                    "no-match",
                    content,
                    content.kind,
                    f"nothing matches {content.source}",
                    hint="correct the path, or say `optional: true` if it may be absent",
                )
        for path, found in selection.files:
            target, source = _join(content.dst, path), selection.base + path
            yield from self._source(content, target, source, kind_of(found))

    def _idle(self, content: Content, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._fault(
                "idle-exclude",
                content,
                "exclude",
                f"{content.exclude[number]} excludes nothing",
                hint=f"patterns are gitignore's and relative to {content.source}; "
                "remove it, or say `optional: true`",
            )

    def _source(self, content: Content, path: str, source: str, kind: int) -> list[Item]:
        if kind == stat.S_IFLNK:
            return [self._link(content, path, os.readlink(source), source)]
        if kind == stat.S_IFREG:
            return [self._file(content, path, source, mode=content.mode)]
        self._fault(
            "special-file",
            content,
            content.kind,
            f"{shown(source)} is neither a file, a directory nor a symbolic link",
            hint="exclude it",
        )
        return []

    def _link(self, content: Content, path: str, target: str, source: str) -> Item:
        reason = link_fault(path, target)
        if reason:
            name = f"{shown(source)}: the symbolic link" if source else "the link"
            self._fault("link", content, content.kind, f"{name} to {shown(target)} {reason}")
        owner, group = content.owner, content.group
        return Item(path, LINK, _LINK_MODE, owner, group, source=source, link=target)

    def _file(
        self, content: Content, path: str, source: str, *, mode: int | None, template: bool = False
    ) -> Item:
        return Item(
            path=path,
            type=FILE,
            mode=mode,
            owner=content.owner,
            group=content.group,
            source=source,
            template=template,
            conffile=content.conffile,
        )

    def _place(self, item: Item, content: Content) -> None:
        reason = path_fault(item.path)
        if item.path[:1] == RESERVED[0] and _is_reserved(item.path):
            reason = "is reserved for the package's own records"
        elif collision_key(item.path) == _INSTALLER:
            reason = "is where each package brings along what installs it"
        elif self.variant.device and collision_key(item.path) == DEVICE:
            reason = "is where the machine says its own values"
        if reason:
            name = shown(item.source) or shown(item.path)
            self._fault("path", content, "dst", f"{name}: as a path in the package, this {reason}")
            return
        key = collision_key(item.path)
        if key in self.taken:
            self._collide(key, item.path, content, f"two contents go to {item.path}")
        else:
            self.placed[item.path] = (item, content)
            self.taken[key] = item.path

    def _collide(self, key: str, path: str, content: Content, same: str) -> None:
        """Tell that `path` is taken: `same`, or that another spelling is there."""
        other = self.taken[key]
        message = f"{path} and {other} are one file where case or accents do not count"
        related: tuple[tuple[Origin, str], ...] = ()
        if other in self.placed:
            first = self.placed[other][1]
            related = ((_origin(first, "dst"), f"{first.where} puts {other} there"),)
        self._fault(
            "collision", content, "dst", same if other == path else message, related=related
        )

    def _parents(self) -> list[Item]:
        """The directories that no content names, which the paths in them need."""
        parents: dict[str, Item] = {}
        owner, group, mode = self.variant.owner, self.variant.group, self.variant.dir_mode
        for path, (_, content) in self.placed.items():
            for parent in _ancestors(path):
                if parent in parents or self._is_directory(parent):
                    break
                key = collision_key(parent)
                if key in self.taken:
                    same = f"{path} needs {parent} to be a directory"
                    self._collide(key, parent, content, same)
                    break
                parents[parent] = Item(parent, DIR, mode, owner, group)
                self.taken[key] = parent
        return list(parents.values())

    def _brought_along(self) -> Iterator[Item]:
        """What the target needs beside the contents: hooks, documents, and the tool."""
        owner, group = self.variant.owner, self.variant.group
        if self.variant.hooks:
            yield Item(HOOKS, DIR, _SCRIPT, owner, group)
        for hook in self.variant.hooks:
            yield Item(f"{HOOKS}/{hook.name}", FILE, _SCRIPT, owner, group, source=hook.source)
        if self.variant.documents:
            yield Item(DEBIAN, DIR, _SCRIPT, owner, group)
        for document in self.variant.documents:
            path = f"{DEBIAN}/{document.name}"
            yield Item(path, FILE, _DOCUMENT, owner, group, source=document.source)
        if self.sources.tool:
            yield Item(TOOL, FILE, _SCRIPT, owner, group, source=self.sources.tool)

    def _is_directory(self, path: str) -> bool:
        return path in self.placed and self.placed[path][0].type == DIR

    def _check(self, part: Hook | Document) -> None:
        """Demand the file of a hook or a document, which no content names."""
        reason = ""
        if leads_out(Path(), part.source):
            reason = "leads out of the project"
        elif not os.path.isfile(part.source):
            reason = "is not a file" if os.path.lexists(part.source) else "does not exist"
        if reason:
            message = f"{part.source} {reason}"
            self.faults.append(Fault.at(part.origin, "no-source", message))

    def _unreadable(self, content: Content, error: OSError) -> None:
        message, hint = f"{content.source}: {error.strerror}", ""
        if content.kind == "template" and is_glob(content.source):
            message, hint = "a template is one file, and no glob", "write an item for each"
        elif near := nearest_path(Path(), content.source):
            hint = f"did you mean {near}?"
        self._fault("no-source", content, content.kind, message, hint=hint)

    def _fault(  # noqa: PLR0913 - a fault has these parts
        self,
        code: str,
        content: Content,
        key: str,
        message: str,
        *,
        hint: str = "",
        related: tuple[tuple[Origin, str], ...] = (),
    ) -> None:
        origin = _origin(content, key)
        where = f"{content.where}.{key if key in content.origins else content.kind}"
        fault = Fault(
            code=code, origin=origin, where=where, message=message, hint=hint, related=related
        )
        self.faults.append(fault)


def _origin(content: Content, key: str) -> Origin:
    """Where the value of `key` was written, or what the content is at all."""
    origins = content.origins
    return origins.get(key) or origins.get(content.kind) or content.origin


def _target(content: Content) -> str:
    """Where a single source goes: to `dst`, or into it where `dst` ends in a slash."""
    return _join(content.dst, os.path.basename(content.source)) if content.into else content.dst


def _is_reserved(path: str) -> bool:
    return collision_key(path.split("/", 1)[0]) == RESERVED


def _join(directory: str, path: str) -> str:
    return f"{directory}/{path}" if directory else path


def _ancestors(path: str) -> Iterator[str]:
    """The directories above `path`, the nearest first."""
    while "/" in path:
        path = path[: path.rindex("/")]
        yield path
