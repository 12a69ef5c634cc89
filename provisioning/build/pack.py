"""Knows how collected entries become artifacts, in each format, and their manifest."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from provisioning.artifact import release
from provisioning.build import groups, output, stale
from provisioning.build.collect import complete
from provisioning.build.format import WRITERS
from provisioning.build.format.order import Cost, Order, Tally
from provisioning.build.remove import remove_tree
from provisioning.build.stated import stating
from provisioning.build.store import Store, limit
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Collection

    from provisioning.build.digests import Digests
    from provisioning.build.groups import Group
    from provisioning.build.listing import Listing
    from provisioning.build.workspace import Workspace


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
    stale.sweep(place)
    for format in {*release.FORMATS}.difference(place.formats):
        for name in release.files(place.package, format):
            remove_tree(place.release / name.partition("/")[0])
