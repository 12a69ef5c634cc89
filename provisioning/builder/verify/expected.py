"""The package that the specs and sources give now, without building it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.model.manifest import Manifest
from provisioning.builder.archive import members
from provisioning.builder.archive.deb import stating
from provisioning.builder.collect.collect import collect
from provisioning.builder.collect.expand import templates_of
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from provisioning.artifact.difference import Change, View
    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.package import Package
    from provisioning.builder.collect.collect import Collected
    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.collect.layout import Layout
    from provisioning.builder.render.render import Rendered


class ExpectedPackage:
    """The package that a layout gives: a View (artifact/difference.py).

    Every property raises BuildError if a source is missing or changes meanwhile, and SpecError if
    a template is at fault.
    """

    def __init__(self, layout: Layout, package: Package, digests: Digests) -> None:
        self.package = package
        self._layout, self._digests = layout, digests

    @cached_property
    def rendered(self) -> Mapping[str, Rendered]:
        """The rendered templates, by their paths in the package."""
        templates = templates_of(self._layout.items)
        if not templates:
            return {}
        # Imported here: the start-up of a package without templates does not pay for the engine.
        from provisioning.builder.render.render import render_all  # noqa: PLC0415

        return render_all(self._layout.variant, templates)

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest that the package would have."""
        collected = self.collected.values()
        try:
            package = stating(self.package, self._layout.variant.formats, collected)
        except OSError as error:
            raise BuildError(f"{error.filename}: {error.strerror}") from None
        return Manifest(package, tuple(each.entry for each in collected))

    @property
    def has_secrets(self) -> bool:
        """Whether templates could use a secret."""
        return bool(self._layout.variant.secrets)

    @cached_property
    def secret(self) -> frozenset[str]:
        """The paths of the files that may contain a secret."""
        if not self.has_secrets:
            return frozenset()
        secrets, rendered = self._layout.variant.secrets, self.rendered
        return frozenset(path for path in rendered if secrets & rendered[path].uses)

    def contents(self, wanted: Collection[str]) -> dict[str, bytes]:
        """The contents of the files at the paths `wanted`."""
        return {path: self._content(path) for path in wanted}

    @cached_property
    def collected(self) -> dict[str, Collected]:
        """All members by path, templates rendered."""
        collected = collect(self._layout, self._digests.look)
        return {each.entry.path: self._complete(each) for each in collected}

    def _complete(self, each: Collected) -> Collected:
        if not each.template:
            return each
        return each._replace(entry=holding(each.entry, self.rendered[each.entry.path].content))

    def _content(self, path: str) -> bytes:
        if path in self.rendered:
            return self.rendered[path].content
        each = self.collected[path]
        try:
            return members.read_verified(each.entry, each.source)
        except OSError as error:
            raise BuildError(f"{each.source}: {error.strerror}") from None


def holding(entry: Entry, content: bytes) -> Entry:
    """The entry of a template, with the size and digest of its output."""
    return entry._replace(size=len(content), digest=filesystem.of_bytes(content))


_EVERYONE_READS = 0o004


class Redaction(NamedTuple):
    """Which texts of compared packages must not be shown, since they may contain secrets."""

    paths: frozenset[str]
    """Files that templates make from secrets."""
    unsure: bool
    """Whether other files may contain some: an artifact does not tell."""

    def why_not(self, change: Change) -> str:
        """Why the text of a file must not be shown; "" if it may be."""
        if change.path in self.paths:
            return "it holds secrets"
        entries = [each for each in (change.old, change.new) if each]
        if self.unsure and not all(each.mode & _EVERYONE_READS for each in entries):
            return "it may hold secrets, since not everyone may read it"
        return ""


def redaction(states: Iterable[tuple[View, ExpectedPackage | None]]) -> Redaction:
    """The redaction of states of packages, each with the package that the specs give now.

    A package without secrets in the current specs is assumed to have had none when it was built.
    """
    states = tuple(states)
    paths = (described.secret for _, described in states if described)
    unsure = any(
        described is None or (state is not described and described.has_secrets)
        for state, described in states
    )
    return Redaction(frozenset[str]().union(*paths), unsure)
