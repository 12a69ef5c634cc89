"""Knows how to prove artifacts: by themselves, against the spec of today, and by unpacking them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from provisioning.artifact import digest
from provisioning.artifact.finding import Finding
from provisioning.artifact.manifest import Manifest
from provisioning.artifact.verify import Verification
from provisioning.build.collect import collect, content_of, is_made_of
from provisioning.build.scratch import scratch
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.entry import Entry
    from provisioning.build.digests import Digests
    from provisioning.build.layout import Layout
    from provisioning.build.plan import Part
    from provisioning.build.render import Rendered
    from provisioning.build.workspace import Workspace

_REPAIR = "`doit package` makes it anew"


def prove(part: Part, place: Workspace, digests: Digests) -> None:
    """Prove that what lies in `place` is sound, is what `part` gives, and installs as such.

    Raises:
        BuildError: with everything that is not so.
    """
    findings = dict.fromkeys(_findings(part, place, digests))
    if findings:
        # What was found here may have been missed by every stamp of the files: read them next time.
        digests.forget()
        told = "\n".join(str(finding) for finding in findings)
        raise BuildError(f"{told}\n{place.release}: {_REPAIR}")


def _findings(part: Part, place: Workspace, digests: Digests) -> Iterator[Finding]:
    proved: Manifest | None = None
    for path in place.artifacts:
        with Verification(path, partial(scratch, place.work), complete=True) as artifact:
            damage = tuple(artifact.read())
            yield from damage
            if not artifact.manifest or damage:
                continue  # what is damaged need not be compared
            # All have the manifest that lies beside them: one comparison serves them all.
            if not proved and not _is_as_described(artifact.manifest, part, place, digests):
                yield from compare(artifact.manifest, expected(part.layout, place, digests))
            proved = artifact.manifest
            yield from artifact.rehearse()


def _is_as_described(made: Manifest, part: Part, place: Workspace, digests: Digests) -> bool:
    """Tell in little time that `compare` would find nothing; if not, it may still not."""
    layout = part.layout
    if made.package != place.package or len(made.entries) != len(layout.items):
        return False
    rendered = _render(layout)
    for item, entry in zip(layout.items, made.entries, strict=True):
        if not is_made_of(entry, item, layout.variant.file_mode):
            return False
        if item.template and entry.digest != digest.of_bytes(rendered[item.path].content):
            return False
    try:
        return content_of(layout, made.entries) == part.content(digests)
    except (BuildError, OSError):  # a source that is not there any more, say
        return False


def expected(layout: Layout, place: Workspace, digests: Digests) -> Manifest:
    """The manifest that the spec and the files of today give.

    Raises:
        BuildError: a source is missing.
        SpecError: a template has a fault.
    """
    rendered = _render(layout)
    entries = tuple(
        _rendered(each.entry, rendered[each.entry.path].content) if each.template else each.entry
        for each in collect(layout, digests.look)
    )
    return Manifest(place.package, entries)


def _render(layout: Layout) -> dict[str, Rendered]:
    if not any(item.template for item in layout.items):
        return {}
    # Imported here: an engine for templates is a cost that a package without any does not owe.
    from provisioning.build.render import render_all  # noqa: PLC0415

    return render_all(layout)


def _rendered(entry: Entry, content: bytes) -> Entry:
    return entry._replace(size=len(content), digest=digest.of_bytes(content))


def compare(made: Manifest, wanted: Manifest) -> Iterator[Finding]:
    """Every difference between the manifest of an archive and the one it should have."""
    for field in made.package._fields:
        has, should = getattr(made.package, field), getattr(wanted.package, field)
        if has != should:
            yield Finding(field, f"{has!r} in the archive, {should!r} in the spec")
    if made.entries == wanted.entries:
        return
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
