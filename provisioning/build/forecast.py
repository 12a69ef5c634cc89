"""Knows which chunks a build would make and which it would take from the store; builds none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.build import groups
from provisioning.build.described import Described
from provisioning.build.format import PLANNED
from provisioning.build.format.order import Made, Order, Tally, cost_of
from provisioning.build.store import Store

if TYPE_CHECKING:
    from provisioning.build.digests import Digests
    from provisioning.build.format.order import Cost
    from provisioning.build.layout import Layout
    from provisioning.build.workspace import Workspace


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
