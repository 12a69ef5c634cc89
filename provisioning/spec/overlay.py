"""Knows how one map is laid over another: the one rule of merging."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault
from provisioning.spec.node import Mapping, Node, Scalar, Sequence, marked

if TYPE_CHECKING:
    from collections.abc import Iterable


def merge(base: Mapping, over: Mapping) -> Mapping:
    """Return `base` with `over` laid over it; neither is changed, every value keeps its origin.

    Maps merge by key and the later value wins; the top level's `contents` append; scalars and
    other lists replace. Associative, as long as no key is a map here and something else there.
    """
    merged = merge_maps(base, over)
    before, after = base.items.get("contents"), over.items.get("contents")
    if isinstance(before, Sequence) and isinstance(after, Sequence):
        contents = replace(after, items=before.items + after.items)
        merged = replace(merged, items={**merged.items, "contents": contents})
    return merged


def merge_maps(base: Mapping, over: Mapping) -> Mapping:
    """Return `base` with `over` laid over it by key; a list, whatever its name, is replaced."""
    items: dict[str, Node] = dict(base.items)
    for key, node in over.items.items():
        below = items.get(key)
        if isinstance(below, Mapping) and isinstance(node, Mapping):
            items[key] = merge_maps(below, node)
        else:
            items[key] = node
    return Mapping(items=items, keys={**base.keys, **over.keys}, origin=over.origin)


def stack(layers: Iterable[Mapping], faults: list[Fault]) -> Mapping:
    """Return `layers` laid over each other, where a key without a value removes what lies below.

    A removal with nothing to remove is a fault: most likely a value was forgotten.
    """
    first, *others = layers
    stacked = _without_removals(first, None, faults)
    for over in others:
        stacked = _without_removals(merge_maps(stacked, over), stacked, faults)
    return stacked


def _without_removals(node: Mapping, below: Mapping | None, faults: list[Fault]) -> Mapping:
    items: dict[str, Node] = {}
    for key, item in node.items.items():
        under = None if below is None else below.items.get(key)
        if _is_removal(item):
            if under is None:
                hint = "write a value; an empty one removes what a platform or the spec says"
                message = "this is empty, and there is nothing that it could remove"
                faults.append(Fault.at(node.keys[key], "idle-removal", message, hint))
                items[key] = marked(item, literal=True)  # else its users would be faults too
        elif isinstance(item, Mapping):
            inner = under if isinstance(under, Mapping) else None
            items[key] = _without_removals(item, inner, faults)
        else:
            items[key] = item
    return replace(node, items=items, keys={key: node.keys[key] for key in items})


def _is_removal(node: Node) -> bool:
    """Whether this is null, as written in a spec; an application's own null is a value."""
    return isinstance(node, Scalar) and node.value is None and not node.literal
