"""Proves artifacts against the package that the specs and sources give now."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property, partial
from operator import eq
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.contents import Finding
from provisioning.artifact.difference import ADDED, CONTENT, REMOVED, compare, spelled
from provisioning.artifact.model.manifest import Manifest
from provisioning.artifact.verification import Verification, as_findings, verify
from provisioning.builder.archive import members
from provisioning.builder.archive.format import stated
from provisioning.builder.archive.store import Store
from provisioning.builder.collect.collect import collect, complete, load
from provisioning.builder.collect.expand import templates_of
from provisioning.builder.workspace import output, paths
from provisioning.builder.workspace.leftovers import scratch
from provisioning.errors import BuildError, ProvisioningError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from provisioning.artifact.difference import Change, View
    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.package import Package
    from provisioning.builder.collect.collect import Collected, Listing
    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.collect.layout import Layout
    from provisioning.builder.plan.variant_plan import VariantPlan
    from provisioning.builder.render.render import Rendered
    from provisioning.builder.workspace.paths import Workspace


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
        # Imported here: a package without templates need not load their engine.
        from provisioning.builder.render.render import render_all  # noqa: PLC0415

        return render_all(self._layout.variant, templates)

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest that the package would have."""
        collected = self.collected.values()
        try:
            package = stated(self._layout.variant, self.package, lambda: collected)
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


def is_wrong_from_the_start(place: Workspace, digests: Digests) -> bool:
    """Whether an artifact is as the build wrote it, but differs from what was collected."""
    try:
        collected = load(place)
        entries = [each.entry for each in complete(collected, place.rendered, digests)]
        left = place.sums.read_text("utf-8").splitlines()
        for path in place.artifacts:
            if path.is_file() and f"{filesystem.of_file(path)}  {path.name}" in left:
                found = verify(path)
                if found.findings or not found.manifest or [*found.manifest.entries] != entries:
                    return True
    except (OSError, ProvisioningError, UnicodeDecodeError):
        pass  # what is missing or damaged is made again
    return False


def begin_anew(artifacts: Path) -> None:
    """Remove all chunks and cuts that are remembered, and have all packages packed again.

    Raises:
        OSError: something cannot be written.
    """
    Store(paths.chunks(str(artifacts))).sweep(0)
    for remembered in artifacts.glob(".work/listings/*.groups"):
        remembered.unlink(missing_ok=True)  # guard: remembered-proof
    path = paths.anew(str(artifacts))
    output.write(path, f"{1 + _times(path)}\n".encode())


def _times(path: Path) -> int:
    """How often `begin_anew` was called."""
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return 0


_REPAIR = "run `doit package` to rebuild it"


def prove(part: VariantPlan, place: Workspace, digests: Digests) -> None:
    """Verify that the artifacts in `place` are sound, match what `part` gives, and install.

    Raises:
        BuildError: with all findings.
    """
    findings = faults(part, place, digests)
    if findings:
        # What was found here may have been missed by every stamp of the files: read them next time.
        digests.forget()
        part.findings.forget()
        _begin_anew(place, digests)
        told = "\n".join(str(finding) for finding in findings)
        raise BuildError(f"{told}\n{place.release}: {_REPAIR}")


def faults(part: VariantPlan, place: Workspace, digests: Digests) -> tuple[Finding, ...]:
    """What `prove` finds, each once; nothing is mended. The lock of `place` must be held."""
    return tuple(dict.fromkeys(_findings(part, place, digests)))


def _begin_anew(place: Workspace, digests: Digests) -> None:
    if is_wrong_from_the_start(place, digests):
        begin_anew(place.release.parent)  # guard: release-begun-anew


def _findings(part: VariantPlan, place: Workspace, digests: Digests) -> Iterator[Finding]:
    proved: Manifest | None = None
    judge = _Judge(part, place, digests)
    for path in place.artifacts:
        with Verification(
            path, partial(scratch, place.work), complete=True, meanwhile=judge.agrees
        ) as artifact:
            # What is built has not run yet: nothing may lie in it but what was built.
            damage = (*artifact.read(), *as_findings(artifact.byte_code))  # guard: built-not-run
            yield from damage
            if not artifact.manifest or damage:
                continue  # what is damaged need not be compared
            # All have the manifest that lies beside them: one comparison serves them all.
            if not proved and not judge.agrees(artifact.manifest):
                yield from contradictions(artifact.manifest, judge.described.manifest)
            proved = artifact.manifest
            yield from artifact.try_unpacking()


class _Judge:
    """Compares manifests with what the spec gives now; remembers the one that matched."""

    def __init__(self, part: VariantPlan, place: Workspace, digests: Digests) -> None:
        self._part, self._place, self._digests = part, place, digests
        self._approved: Manifest | None = None

    @cached_property
    def described(self) -> ExpectedPackage:
        """The package that the spec gives now. Raises SpecError."""
        # Not laid out before others are at work.
        return ExpectedPackage(self._part.findings.layout, self._place.package, self._digests)

    def agrees(self, made: Manifest) -> bool:
        """Whether a manifest matches the spec, by a fast comparison; false may be wrong."""
        if made is not self._approved and self._matches(made):
            self._approved = made
        return made is self._approved

    def _matches(self, made: Manifest) -> bool:
        """Compare without a layout, if what would be collected is remembered."""
        package = self._place.package._replace(debian=made.package.debian)
        if made.package._replace(debian_files=()) != package:
            return False
        try:
            listing = self._part.findings.listed(self._place, self._digests)
        except (BuildError, OSError):  # a source that is not there any more, say
            return False
        if len(listing) != len(made.entries):
            return False
        rendered = self._rendered(listing)
        found = (
            holding(each.entry, rendered[each.source]) if each.template else each.entry
            for each in listing
        )
        # guard: other-scripts-of-a-deb
        return all(map(eq, found, made.entries)) and self._stating(made, listing) == made.package

    def _stating(self, made: Manifest, listing: Listing) -> Package | None:
        """The package as this version states it in a manifest; None if a source is missing."""

        def collected() -> Iterator[Collected]:
            for each, entry in zip(listing, made.entries, strict=True):
                yield each._replace(entry=entry)

        with suppress(BuildError, OSError):
            return stated(self._part.variant, self._place.package, collected)
        return None

    def _rendered(self, listing: Listing) -> dict[str, bytes]:
        """The rendered templates, by their sources."""
        sources = {each: each for each in (listing[at].source for at in listing.templates())}
        if not sources:
            return {}
        # Imported here: a package without templates need not load their engine.
        from provisioning.builder.render.render import render_all  # noqa: PLC0415

        made = render_all(self._part.variant, sources)
        return {source: each.content for source, each in made.items()}


def contradictions(made: Manifest, wanted: Manifest) -> Iterator[Finding]:
    """The differences between the manifest of an archive and that which the spec gives."""
    difference = compare(made, wanted)
    for detail in difference.head:
        has, should = spelled(detail.old), spelled(detail.new)
        yield Finding(detail.name, f"{has} in the archive, {should} in the spec")
    for change in difference.changes:
        yield from _contradictions(change)


def _contradictions(change: Change) -> Iterator[Finding]:
    if change.kind == REMOVED:
        yield Finding(change.path, "in the archive, but not in the spec")
    if change.kind == ADDED:
        yield Finding(change.path, "in the spec, but not in the archive")
    for detail in change.details:
        if detail.what == CONTENT:
            yield Finding(change.path, "the content differs from what the spec gives now")
        else:
            has, should = spelled(detail.old), spelled(detail.new)
            yield Finding(change.path, f"{detail.name} {has}, the spec says {should}")
