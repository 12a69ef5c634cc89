"""Knows how contents that several specs share are put in place of an `include`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.check import check
from provisioning.spec.fault import Fault
from provisioning.spec.load import parse_map
from provisioning.spec.node import Mapping, Scalar
from provisioning.spec.rule import PATH
from provisioning.spec.schema import FRAGMENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.spec.condition import Conditions
    from provisioning.spec.inputs import Inputs
    from provisioning.spec.node import Node
    from provisioning.spec.origin import Origin
    from provisioning.spec.variables import Scope


MAX_DEPTH = 16
MAX_ITEMS = 10_000
"""Items of all fragments of a variant together: a few lines of includes can double each other."""


class Fragments:
    """What the `include` items of one variant stand for."""

    def __init__(
        self, inputs: Inputs, scope: Scope, conditions: Conditions, faults: list[Fault]
    ) -> None:
        """Read fragments from `inputs`, and leave out what `conditions` exclude."""
        self._inputs = inputs
        self._scope = scope
        self._conditions = conditions
        self._faults = faults
        self._items = 0
        self._open: dict[str, Origin] = {}  # the fragments being read, each within the one before

    def expand(self, items: Iterable[Node]) -> Iterator[Mapping]:
        """Return `items` with fragments in place of includes, as far as meant for the platform."""
        for item in items:
            if not isinstance(item, Mapping) or not self._conditions.hold(item):
                continue
            asked = item.items.get("include")
            if isinstance(asked, Scalar):
                yield from self._included(asked)
            else:
                yield item

    def _included(self, asked: Scalar) -> Iterator[Mapping]:
        file = self._scope.text(asked, PATH)
        if file is None:
            return
        if file in self._open:
            self._circle(file, asked.origin)
            return
        if len(self._open) == MAX_DEPTH or self._items > MAX_ITEMS:
            message = f"this includes more than {MAX_DEPTH} levels, or {MAX_ITEMS:,} items"
            self._faults.append(Fault.at(asked.origin, "too-many-includes", message))
            return
        node = self._inputs.parsed(file, asked.origin, self._faults, _parse)
        if node is not None:
            self._open[file] = asked.origin
            items = node.sequence("contents")
            self._items += len(items)
            yield from self.expand(items)
            del self._open[file]

    def _circle(self, again: str, origin: Origin) -> None:
        files = list(self._open)
        names = " → ".join([*files[files.index(again) :], again])
        related = tuple((self._open[file], "included from here") for file in files)
        message = f"this includes itself: {names}"
        self._faults.append(Fault.at(origin, "include-circle", message, related=related))


def _parse(text: str, file: str, faults: list[Fault]) -> Mapping | None:
    node = parse_map(text, file, faults)
    return None if node is None else check(node, FRAGMENT, faults)
