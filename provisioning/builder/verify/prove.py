"""Verifies what was built: that it is sound, matches the spec, and installs.

If an artifact was wrong from the start, although every stage is up to date (bad memory, say), what
is remembered would be packed again and again: then it is forgotten, and the next build starts anew.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property, partial
from operator import eq
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.difference import ADDED, CONTENT, REMOVED, compare, spelled
from provisioning.artifact.verify.contents import Finding
from provisioning.artifact.verify.verify import Verification, as_findings, verify
from provisioning.builder.archive.deb import stating
from provisioning.builder.archive.store import Store
from provisioning.builder.collect import collect
from provisioning.builder.collect.collect import complete
from provisioning.builder.verify.expected import ExpectedPackage, holding
from provisioning.builder.workspace import output, paths
from provisioning.builder.workspace.leftovers import scratch
from provisioning.errors import BuildError, ProvisioningError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.difference import Change
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package
    from provisioning.builder.collect.collect import Listing
    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.plan.variant_plan import VariantPlan
    from provisioning.builder.workspace.paths import Workspace


def is_wrong_from_the_start(place: Workspace, digests: Digests) -> bool:
    """Whether an artifact is as the build wrote it, but differs from what was collected."""
    try:
        collected = collect.load(place)
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
    findings = dict.fromkeys(_findings(part, place, digests))
    if findings:
        # What was found here may have been missed by every stamp of the files: read them next time.
        digests.forget()
        part.findings.forget()
        _begin_anew(place, digests)
        told = "\n".join(str(finding) for finding in findings)
        raise BuildError(f"{told}\n{place.release}: {_REPAIR}")


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
            # guard: built-has-not-run
            damage = (*artifact.read(), *as_findings(artifact.byte_code))
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
        if made.package._replace(debian_files=()) != self._place.package:
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
        whole = (
            each._replace(entry=entry) for each, entry in zip(listing, made.entries, strict=True)
        )
        with suppress(BuildError, OSError):
            return stating(self._place.package, self._place.formats, whole)
        return None

    def _rendered(self, listing: Listing) -> dict[str, bytes]:
        """The rendered templates, by their sources."""
        sources = {each: each for each in (listing[at].source for at in listing.templates())}
        if not sources:
            return {}
        # Imported here: an engine for templates is a cost that a package without any does not owe.
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
