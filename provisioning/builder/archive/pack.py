"""Packs what was collected: the manifest, and an artifact in each of the formats."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.formats import FORMATS
from provisioning.artifact.model import release
from provisioning.builder.archive import groups
from provisioning.builder.archive.format import (
    Cost,
    MadeChunk,
    PackJob,
    PackStats,
    cost_of,
    stated,
    writer,
)
from provisioning.builder.archive.store import Store, limit
from provisioning.builder.collect.collect import complete
from provisioning.builder.verify.prove import ExpectedPackage
from provisioning.builder.workspace import leftovers, output, progress
from provisioning.builder.workspace.build_history import Build, remember_build
from provisioning.builder.workspace.output import remove_tree
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from provisioning.builder.archive.groups import Cut
    from provisioning.builder.collect.collect import Listing
    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.collect.layout import Layout
    from provisioning.builder.workspace.output import Output
    from provisioning.builder.workspace.paths import Workspace


def pack(
    place: Workspace, collected: Listing, digests: Digests, prefetched: Collection[str] = ()
) -> Cost:
    """Make an artifact of what was collected in each of the formats: all of them, or none.

    Chunks with the keys `prefetched` were made by this build a moment ago, and count as made.
    SHA256SUMS is written by a stage of its own; until then `verify` reports that it differs.

    Raises:
        BuildError: a source is no longer what was collected.
        OSError: a file cannot be read or written.
    """
    # Sizes alone decide which members share a chunk; after an edit most cuts are still known.
    whole = complete(collected, place.rendered, digests)
    name, content, basis = place.variant.name, collected.content, whole.edit.basis
    kept = groups.recall(place.groups(content), content)  # by another platform, for one
    known = kept or groups.recall(place.groups(basis), basis)
    cuts = [*(groups.share_again(name, whole, known) if known else groups.share_out(name, whole))]
    if not kept:
        groups.keep(place.groups(content), content, cuts)
    package = stated(place.variant, place.package, lambda: whole)
    place = place.depending_as(package)
    manifest = groups.spell(package, cuts)
    grouped = list(groups.group(whole, cuts, manifest))
    progress.count(total=len(place.formats) * sum(cut.length for cut in cuts))

    # Remove what killed builds left, and artifacts of formats that are no longer built.
    leftovers.sweep(place)  # guard: leftovers-of-builds
    for format in FORMATS.keys() - {*place.formats}:
        for file in release.files(place.package, format):
            remove_tree(place.release / file.partition("/")[0])

    # Each format writes its artifact; all take their names together, once they are durable.
    store, stats = Store(place.chunks), PackStats(prefetched)
    with output.replacing() as made:
        try:
            for format in place.formats:
                job = PackJob(format, place.variant, place, grouped, manifest, store, stats)
                writer(format).write(job, made)
        except BuildError:
            # Perhaps the cache is wrong, and not the file: the next build must read the file.
            digests.forget()
            raise
        made.file(place.manifest).write(manifest)
    _learn(place, made, manifest, cuts, digests)

    # The store keeps what the last builds used.
    cost = stats.cost
    if cost.made:
        with suppress(OSError):  # what cannot be removed now only takes room until the next time
            store.sweep(limit(place.release.parent), stats.keys)
    return cost


def _learn(
    place: Workspace, made: Output, manifest: bytes, cuts: Iterable[Cut], digests: Digests
) -> None:
    """Remember the digests of what was made, and its sizes among those of the last builds."""
    for path, digest in made.digests.items():
        digests.wrote(str(path), digest)
    proof = filesystem.of_bytes(manifest)
    digests.wrote(str(place.manifest), proof)
    length = sum(cut.length for cut in cuts)
    sizes = {
        format: length if path.is_dir() else path.stat().st_size
        for format, path in zip(place.formats, place.artifacts, strict=True)
    }
    remember_build(place, Build(place.package.version, proof, sizes))


def forecast(layout: Layout, place: Workspace, digests: Digests) -> Cost:
    """What packing would cost, as far as that is known before any source is read.

    The size of a new chunk is not known: no `bytes_out`. Formats that do not consist of chunks, and
    the control files of a deb, are left out.

    Raises:
        BuildError: a source is missing, or changes meanwhile.
        SpecError: a template is at fault.
    """
    expected = ExpectedPackage(layout, place.package, digests)
    collected = list(expected.collected.values())
    cuts = list(groups.share_out(place.package.name, collected))
    package = expected.manifest.package
    place = place.depending_as(package)
    manifest = groups.spell(package, cuts)
    grouped = list(groups.group(collected, cuts, manifest))
    store, known = Store(place.chunks), set[str]()
    made: list[MadeChunk] = []
    reused: list[int] = []
    for format in place.formats:
        job = PackJob(format, place.variant, place, grouped, manifest, store, PackStats())
        for run in writer(format).plan(job):
            for key, length in run.chunks:
                size = store.size(key)
                if size is None and key not in known:
                    made.append(MadeChunk(format, *run.members, length, 0))
                else:
                    reused.append(size or 0)  # the size of a new one is not known yet
                known.add(key)
    return cost_of(made, reused)
