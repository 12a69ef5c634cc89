"""Knows how collected entries become artifacts, in each format, and their manifest."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from provisioning.artifact.formats import FORMATS
from provisioning.artifact.model import release
from provisioning.builder.archive import groups
from provisioning.builder.archive.job import Cost, Made, Order, Tally, cost_of, stating
from provisioning.builder.archive.registry import PLANNED, WRITERS
from provisioning.builder.archive.store import Store, limit
from provisioning.builder.collect.collect import complete
from provisioning.builder.verify.expected import Described
from provisioning.builder.workspace import leftovers, output
from provisioning.builder.workspace.output import remove_tree
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Collection

    from provisioning.builder.archive.groups import Group
    from provisioning.builder.collect.collect import Listing
    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.collect.layout import Layout
    from provisioning.builder.workspace.paths import Workspace


def pack(
    place: Workspace, collected: Listing, digests: Digests, ahead: Collection[str] = ()
) -> Cost:
    """Make of what was collected an artifact in each of the formats, all whole or none at all.

    Chunks with the keys `ahead` this build has put into the store a moment ago: they count as made.
    SHA256SUMS follows in a stage of its own; until then it does not agree,
    which verify tells.

    Raises:
        BuildError: a source is no longer what was collected.
        OSError: a file cannot be read or written.
    """
    content, grouped = _grouped(place, collected, complete(collected, place.rendered, digests))
    store, tally = Store(place.chunks), Tally(ahead)
    _sweep(place)
    with output.replacing() as files:
        try:
            for format in place.formats:
                order = Order(format, place.variant, place, grouped, content, store, tally)
                WRITERS[format](order, files)
        except BuildError:
            # Should what is remembered be wrong, and not the file: the next build must read.
            digests.forget()
            raise
        files.file(place.manifest).write(content)
    for path, digest in files.digests.items():
        digests.wrote(str(path), digest)
    cost = tally.cost
    if cost.made:
        with suppress(OSError):  # what goes with the next one costs no more than room
            store.sweep(limit(place.release.parent), tally.keys)
    return cost


def _grouped(place: Workspace, collected: Listing, whole: Listing) -> tuple[bytes, list[Group]]:
    """The manifest, and the groups of the `whole` listing: with templates, as they became."""
    name = place.variant.name
    known = groups.recall(place.groups, whole.edit.basis)
    again = groups.share_again(name, whole, known) if known else groups.share_out(name, whole)
    cuts = list(again)
    groups.keep(place.groups, collected.content, cuts)
    content = groups.spell(stating(place.package, place.formats, whole), cuts)
    return content, list(groups.group(whole, cuts, content))


def _sweep(place: Workspace) -> None:
    """Remove what killed builds left, and what was made in formats that are no longer asked for."""
    leftovers.sweep(place)  # guard: leftovers-of-builds
    for format in {*FORMATS}.difference(place.formats):
        for name in release.files(place.package, format):
            remove_tree(place.release / name.partition("/")[0])


def forecast(layout: Layout, place: Workspace, digests: Digests) -> Cost:
    """What packing would take, as far as that is known before any source is read.

    Nobody knows how small a chunk will become: no `bytes_out`. Of formats that are not made of
    chunks, and of the control files of a deb, nothing is foretold.

    Raises:
        BuildError: a source is missing, or changes meanwhile.
        SpecError: a template has a fault.
    """
    described = Described(layout, place.package, digests)
    collected = list(described.collected.values())
    cuts = list(groups.share_out(place.package.name, collected))
    content = groups.spell(described.manifest.package, cuts)
    shared = list(groups.group(collected, cuts, content))
    store, known = Store(place.chunks), set[str]()
    made: list[Made] = []
    reused: list[int] = []
    for format in (each for each in place.formats if each in PLANNED):
        order = Order(format, place.variant, place, shared, content, store, Tally())
        for run in PLANNED[format](order):
            for key, length in run.chunks:
                size = store.size(key)
                if size is None and key not in known:
                    made.append(Made(format, *run.span, length, 0))
                else:
                    reused.append(size or 0)  # nobody knows yet how small a new one becomes
                known.add(key)
    return cost_of(made, reused)
