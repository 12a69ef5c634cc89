"""Knows how collected entries become artifacts, in each format, and their manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import release
from provisioning.build import output, runs
from provisioning.build.format import WRITERS
from provisioning.build.format.order import Cost, Order, Tally
from provisioning.build.remove import remove_tree
from provisioning.build.store import Store, limit
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.build.collect import Collected
    from provisioning.build.digests import Digests
    from provisioning.build.workspace import Workspace


def pack(place: Workspace, collected: Sequence[Collected], digests: Digests) -> Cost:
    """Make `collected` an artifact in each of the variant's formats, all whole or none at all.

    SHA256SUMS follows in a stage of its own; until then it does not agree, which verify tells.

    Raises:
        BuildError: a source is no longer what was collected.
        OSError: a file cannot be read or written.
    """
    groups = runs.group(place.package, collected)
    content = runs.spell(place.package, groups)
    store, tally = Store(place.chunks), Tally()
    _sweep(place)
    with output.replacing() as made:
        try:
            for format in place.formats:
                order = Order(format, place.variant, place, groups, content, store, tally)
                WRITERS[format](order, made)
        except BuildError:
            # Should what is remembered be wrong, and not the file: the next build must read.
            digests.forget()
            raise
        made.file(place.manifest).write(content)
    cost = tally.cost
    if cost.made:
        store.sweep(limit(place.release.parent), tally.keys)
    return cost


def _sweep(place: Workspace) -> None:
    """Remove what killed builds left, and what was made in formats that are no longer asked for."""
    known = {each: list(release.files(place.package, each)) for each in release.FORMATS}
    names = {name.partition("/")[0] for listed in known.values() for name in listed}
    output.sweep(place.release, (*names, place.manifest.name, place.provenance.name, release.SUMS))
    for format in known.keys() - {*place.formats}:
        for name in known[format]:
            remove_tree(place.release / name.partition("/")[0])
