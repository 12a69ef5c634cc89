"""Knows how one map is laid over another: the one rule of merging."""

from __future__ import annotations

from dataclasses import replace

from provisioning.spec.node import Mapping, Node, Sequence


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
