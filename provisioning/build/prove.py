"""Knows how to prove artifacts: by themselves, against the spec of today, and by unpacking them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import digest, extract, manifest, tree, verify
from provisioning.artifact.manifest import Manifest
from provisioning.artifact.verify import Finding
from provisioning.build.collect import collect
from provisioning.errors import ArtifactError, BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.entry import Entry
    from provisioning.build.digests import Digests
    from provisioning.build.layout import Layout
    from provisioning.build.workspace import Workspace

_REPAIR = "`doit package` makes it anew"


def prove(layout: Layout, place: Workspace, digests: Digests) -> None:
    """Prove that what lies in `place` is sound, is what `layout` gives, and installs as such.

    Raises:
        BuildError: with everything that is not so.
    """
    findings = list(_findings(layout, place, digests))
    if findings:
        # What was found here may have been missed by every stamp of the files: read them next time.
        digests.forget()
        told = "\n".join(str(finding) for finding in findings)
        raise BuildError(f"{told}\n{place.release}: {_REPAIR}")


def _findings(layout: Layout, place: Workspace, digests: Digests) -> Iterator[Finding]:
    alone = verify.check_release(place.release)
    yield from alone
    if alone:
        return  # what is damaged need not be compared
    made = manifest.parse(place.manifest.read_bytes(), str(place.manifest))
    wanted = expected(layout, place, digests)
    yield from compare(made, wanted)
    with place.scratch() as directory:
        yield from _rehearse(place, directory)


def _rehearse(place: Workspace, directory: Path) -> Iterator[Finding]:
    try:
        installed = extract.extract(place.archive, directory)
    except ArtifactError as error:
        yield Finding(str(place.archive), f"cannot be installed: {error}")
    else:
        yield from tree.compare(installed, directory)


def expected(layout: Layout, place: Workspace, digests: Digests) -> Manifest:
    """The manifest that the spec and the files of today give.

    Raises:
        BuildError: a source is missing.
        SpecError: a template has a fault.
    """
    # Imported here, as in plugin/stages.py: a build with nothing to do does not owe its cost.
    from provisioning.build.render import render_all  # noqa: PLC0415

    rendered = render_all(layout)
    entries = tuple(
        _rendered(each.entry, rendered[each.entry.path].content) if each.template else each.entry
        for each in collect(layout, digests)
    )
    return Manifest(place.package, entries)


def _rendered(entry: Entry, content: bytes) -> Entry:
    return entry._replace(size=len(content), digest=digest.of_bytes(content))


def compare(made: Manifest, wanted: Manifest) -> Iterator[Finding]:
    """Every difference between the manifest of an archive and the one it should have."""
    for field in made.package._fields:
        has, should = getattr(made.package, field), getattr(wanted.package, field)
        if has != should:
            yield Finding(field, f"{has!r} in the archive, {should!r} in the spec")
    old = {entry.path: entry for entry in made.entries}
    new = {entry.path: entry for entry in wanted.entries}
    for path in sorted({*old, *new}):
        if path not in new:
            yield Finding(path, "in the archive, but the spec does not put it there")
        elif path not in old:
            yield Finding(path, "not in the archive, but the spec puts it there")
        else:
            yield from _difference(old[path], new[path])


def _difference(has: Entry, should: Entry) -> Iterator[Finding]:
    for field in ("type", "mode", "owner", "group", "link", "conffile"):
        one, other = getattr(has, field), getattr(should, field)
        if one != other:
            one, other = (f"{value:04o}" if field == "mode" else value for value in (one, other))
            yield Finding(has.path, f"{field} {one}, the spec says {other}")
    if has.digest != should.digest:
        yield Finding(has.path, "the content is not what the spec gives today")
