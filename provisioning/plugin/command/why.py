"""Knows how to tell a person why a stage is not up to date: which file, which line, which value."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from provisioning.build.changes import changes
from provisioning.build.collect import collect
from provisioning.build.listing import Listing, differing
from provisioning.errors import ProvisioningError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioning.plugin.unchanged import Reason, Unchanged

_FILES = {
    "changed_file_dep": "another content",
    "missing_file_dep": "missing, and nothing makes it",
    "added_file_dep": "new",
    "removed_file_dep": "no longer used",
}
_FACTS = {
    "revision": "another version of this plugin",
    "templates": "the list of templates is another",
    "layout": "the layout is another: see the collect stage",
}


class Why:
    """The reasons of one stage; doit's own beside those of what judges it."""

    def __init__(
        self, task: Any, unchanged: Unchanged, reasons: Mapping[str, Any], *, waits: bool
    ) -> None:
        """`waits`: stages before this one run first, and what they make is another matter."""
        self._task = task
        self._unchanged = unchanged
        self._reasons = reasons
        self._files = {} if waits else _FILES
        self._waits = waits

    def told(self) -> Iterator[str]:
        """Each reason as a line."""
        mine = self._unchanged.reasons
        yield from (str(reason) for reason in mine if reason.kind == "lost")
        if self._unchanged.is_new:
            yield "never done before"
            return
        if any(map(self._is_of_paths, mine)):
            yield from self._changes()
        for reason in mine:
            if reason.kind != "lost" and not self._is_of_paths(reason):
                yield from self._told(reason)
        yield from (f"{path}: missing" for path in self._reasons.get("missing_target") or ())
        for kind, told in self._files.items():
            yield from (f"{path}: {told}" for path in self._reasons.get(kind) or ())

    def _is_of_paths(self, reason: Reason) -> bool:
        """Whether the reason is that files are others, which can then be named."""
        collects = str(self._task.name).startswith("collect:")
        return collects and (reason.kind == "content" or reason.what == "layout")

    def _told(self, reason: Reason) -> Iterator[str]:
        if reason.kind == "target":
            yield f"{reason.what}: damaged: not what this stage left there"
        elif reason.kind == "secret":
            yield f"{reason.what}: another secret{self._origin(reason.what)}"
        elif reason.kind == "variable":
            values = f"{_short(reason.old)} → {_short(reason.new)}"
            yield f"{reason.what}: {values}{self._origin(reason.what)}"
        else:
            values = f"{_bare(reason.old)} → {_bare(reason.new)}"
            yield _FACTS.get(reason.what) or f"{reason.what}: {values}"

    def _changes(self) -> Iterator[str]:
        """The paths whose source, or whose place in the spec, is another."""
        job = self._unchanged.job
        try:
            now = collect(job.part.layout, self._unchanged.digests.look)
        except ProvisioningError as error:
            # What is missing may be what comes first makes.
            yield from () if self._waits else str(error).splitlines()
            return
        placed = job.part.placed_by()
        for change in changes(*differing(job.workspace.collected, Listing.of(now))):
            content = placed.get(change.path)
            where = f"  ({content.origin} {content.where})" if content else ""
            yield f"{change}{where}"

    def _origin(self, name: str) -> str:
        paths = (path for path in self._origins if f"{path}.".startswith(f"variables.{name}."))
        path = next(paths, "")
        return f"  ({self._origins[path].strip('()')})" if path else ""

    @cached_property
    def _origins(self) -> Mapping[str, str]:
        """Where each value of the variant was written."""
        from provisioning.plugin.graph import made_from  # noqa: PLC0415 - as in `project`
        from provisioning.spec.outline import outline  # noqa: PLC0415 - and this reads YAML
        from provisioning.spec.project import read_project  # noqa: PLC0415

        variant = self._unchanged.job.part.variant
        for resolved in read_project(made_from[-1]).resolved:
            found = outline(resolved)
            if (found.name, found.platform) == (variant.name, variant.platform):
                return dict(found.as_json()["origins"])
        return {}


def _bare(value: str) -> str:
    """A fact as people write it: without the quotation marks of JSON."""
    return value[1:-1] if value.startswith('"') else _short(value)


def _short(value: str) -> str:
    return "another value" if value.startswith("sha256:") else value
