"""Expands contents to items, one for each path of the package, before anything is read."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import DIR, FILE, LINK, link_fault, shown
from provisioning.builder.collect.patterns import is_glob, literal_prefix
from provisioning.builder.collect.sources import idle, is_left_out, kept, why_none
from provisioning.builder.plan.needs import NO_MAKER
from provisioning.builder.python import environment
from provisioning.spec.diagnostics import Diagnostic, nearest_path, no_glob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.builder.collect.sources import Sources
    from provisioning.builder.plan.needs import MadeBy
    from provisioning.builder.python.environment import Gathered
    from provisioning.spec.model.variant import Content, Variant
    from provisioning.spec.yaml.node import Origin


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


def content_fault(  # noqa: PLR0913 - a fault has these parts
    code: str,
    content: Content,
    key: str,
    message: str,
    *,
    hint: str = "",
    related: tuple[tuple[Origin, str], ...] = (),
) -> Diagnostic:
    """A fault of the value of `key` in a content, or of the content if it has none."""
    where = content.where
    if where.endswith("]"):  # else it is one key, which says all of it: see spec/model/services.py
        where = f"{where}.{key if key in content.origins else content.kind}"
    return Diagnostic(
        code=code,
        origin=origin_of(content, key),
        where=where,
        message=message,
        hint=hint,
        related=related,
    )


def origin_of(content: Content, key: str) -> Origin:
    """The place of the value of `key`, or of the content if it has none."""
    origins = content.origins
    return origins.get(key) or origins.get(content.kind) or content.origin


_LINK_MODE = 0o777
_EXECUTABLE = 0o111


@dataclass(slots=True)
class Expansion:
    """Expands the contents of a variant, and collects their faults."""

    variant: Variant
    sources: Sources
    makers: MadeBy
    faults: list[Diagnostic] = field(default_factory=list)

    def items(self, content: Content) -> Iterable[Item]:
        """The items of a content, one for each path; faults are added to `faults`."""
        if content.kind == "dir":
            mode = self.variant.dir_mode if content.mode is None else content.mode
            return [Item(content.dst, DIR, mode, content.owner, content.group)]
        if content.kind == "link":
            return [self._link(content, content.dst, content.source, "")]
        if content.environment:
            return self._python(content)
        if not self._inside(content):
            return []
        if content.kind == "template":
            return self._template(content)
        return self._src(content)

    def _python(self, content: Content) -> Iterable[Item]:
        """The items of a Python environment, once it is gathered."""
        listing = environment.place_of(self.variant, content, self.sources.output)
        try:
            known = environment.recall(listing)
            for directory in known.directories:
                self.sources.tree(directory)  # one walk, instead of a look at each file
        except OSError:
            task = f"doit fetch:{self.variant.name}:{self.variant.platform}"
            message = f"the packages of {content.source} have not been fetched"
            self._fault("not-fetched", content, "python", message, hint=f"run {task}")
            return []
        if not self._demand_patterns(content):
            return []
        modules = [(each.inside, 0) for each in known.files if each.inside]
        names = {path for path, _ in kept(modules, content.exclude)}
        self._idle(content, idle(modules, content.exclude))
        wanted = [
            each
            for each in known.files
            if not is_left_out(each.path) and (not each.inside or each.inside in names)
        ]
        self._demand_one_each(content, wanted)
        found = {
            each.path: self._file(content, each.path, each.source, mode=None) for each in wanted
        }
        items = [*found.values()]
        if link := environment.link_of(self.variant, content):
            items.append(self._link(content, *link, ""))
        return items

    def _demand_one_each(self, content: Content, gathered: Iterable[Gathered]) -> None:
        """Report each path that two wheels bring, unless both have the same there."""
        known: dict[str, Gathered] = {}
        for each in gathered:
            other = known.setdefault(each.path, each)
            if other.digest != each.digest:  # guard: two-wheels-with-one-path
                self._fault(
                    "wheel-collision",
                    content,
                    "python",
                    f"{other.wheel} and {each.wheel} both bring {each.path}",
                    hint=f"exclude: [{each.inside or other.inside}], or lock only one of them",
                )

    def _inside(self, content: Content) -> bool:
        """Check that the source is in the project, and not output of the build."""
        entered = literal_prefix(content.source)
        if self.sources.leads_out(entered):  # guard: source-out-of-the-project
            self._fault("outside", content, content.kind, f"{entered} leads out of the project")
        elif self.sources.is_output(content.source):
            self._fault("outside", content, content.kind, "this is output of the build itself")
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
        return [self._file(content, target_of(content), content.source, mode=mode, template=True)]

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
        return self._source(content, target_of(content), source, kind)

    def _selected(self, content: Content) -> Iterator[Item]:
        """The items of a directory or a glob."""
        sound = content.exclude if self._demand_patterns(content) else ()
        selection = self.sources.select(content.source, sound)
        if not content.optional:
            self._idle(content, selection.idle_excludes)
            if not selection.files:
                self._fault(
                    "no-match",
                    content,
                    content.kind,
                    f"nothing matches {content.source}",
                    hint=self.makers.get(content.source, NO_MAKER).again()
                    or f"correct the path, {_brackets(content.source, ', ')}"
                    "or write `optional: true` if it may be absent",
                )
        regular = [path for path, mode in selection.files if stat.S_ISREG(mode)]
        yield from _files(content, selection.base, regular)
        for path, mode in selection.files if len(regular) < len(selection.files) else ():
            if not stat.S_ISREG(mode):
                target, source = _join(content.dst, path), selection.base + path
                yield from self._source(content, target, source, stat.S_IFMT(mode))

    def _demand_patterns(self, content: Content) -> bool:
        reasons = [why_none(pattern) for pattern in content.exclude]
        for number, reason in enumerate(reasons):
            if reason:
                message = f"{content.exclude[number]} is not a gitignore pattern"
                key = f"exclude[{number}]"
                self._fault("bad-pattern", content, key, message, hint=reason)
        return not any(reasons)

    def _idle(self, content: Content, numbers: Iterable[int]) -> None:
        for number in numbers:
            pattern = content.exclude[number]
            message = f"{pattern} excludes nothing"
            base = content.dst if content.environment else content.source
            hint = f"patterns are gitignore's and relative to {base}"
            hint += ", where [[] stands for a bracket" if "[" in pattern else ""
            if pattern.startswith("!"):
                message = f"{pattern} re-includes nothing"
                hint = (
                    "nothing in an excluded directory can be re-included: write build/*, not build/"
                )
            hint += "; remove it" + ("" if content.environment else ", or write `optional: true`")
            key = f"exclude[{number}]"
            self._fault("idle-exclude", content, key, message, hint=hint)

    def _source(self, content: Content, path: str, source: str, kind: int) -> list[Item]:
        if kind == stat.S_IFLNK:
            return [self._link(content, path, os.readlink(source), source)]
        if kind == stat.S_IFREG:  # guard: special-file
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
        reason = link_fault(path, target)  # guard: link-out-of-the-package
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

    def _unreadable(self, content: Content, error: OSError) -> None:
        is_absent = isinstance(error, FileNotFoundError)
        where = content.source if is_absent else shown(error.filename)  # which may lie deep below
        message, hint = f"{where}: {error.strerror}", ""
        if content.kind == "template" and no_glob(content.source):
            message, hint = "a template must be one file, not a glob", "write an item for each"
        elif made := self.makers.get(content.source):
            hint = made.again()
        elif near := nearest_path(Path(), content.source):
            hint = f"did you mean {near}?"
        elif content.kind == "src" and is_absent:
            hint = _brackets(content.source)
        self._fault("no-source", content, content.kind, message, hint=hint)

    def _fault(self, code: str, content: Content, key: str, message: str, hint: str = "") -> None:
        self.faults.append(content_fault(code, content, key, message, hint=hint))


def _brackets(source: str, behind: str = "") -> str:
    return f"write [[] where a bracket is part of a name{behind}" if "[" in source else ""


def _files(content: Content, base: str, paths: list[str]) -> Iterator[Item]:
    """The items of regular files below `base`: all at once, in a fourth of the time."""
    template, link = False, ""
    fields = zip(
        map(_join(content.dst, "").__add__, paths),
        repeat(FILE),
        repeat(content.mode),
        repeat(content.owner),
        repeat(content.group),
        map(base.__add__, paths),
        repeat(template),
        repeat(link),
        repeat(content.conffile),
        strict=False,
    )
    return map(Item._make, fields)


def target_of(content: Content) -> str:
    """Where a single source goes: to `dst`, or into it where `dst` ends in a slash."""
    return _join(content.dst, os.path.basename(content.source)) if content.into else content.dst


def _join(directory: str, path: str) -> str:
    return f"{directory}/{path}" if directory else path
