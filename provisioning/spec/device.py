"""Knows how `device` of a spec becomes Values: what only the machine itself can say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioning.spec.node import Mapping, Node, Scalar
from provisioning.spec.service_rule import EXPRESSION, LINE, VARIABLE
from provisioning.spec.variant import Value

if TYPE_CHECKING:
    from provisioning.spec.fault import Fault
    from provisioning.spec.variables import Scope

DEVICE = "device"


def declared(layer: Mapping) -> Mapping:
    """Return a spec or an overlay with {} for each device value of which nothing is said.

    To name one is to ask for it. So nothing takes away what a layer below says, as it does
    elsewhere.
    """
    device = layer.mapping(DEVICE)
    named = {name: _map(item) for name, item in device.items.items()}
    if named == device.items:
        return layer
    return replace(layer, items={**layer.items, DEVICE: replace(device, items=named)})


def read_device(device: Mapping, scope: Scope, faults: list[Fault]) -> tuple[Value, ...]:
    """Return the values, in the order of their names."""
    return tuple(
        _value(name, item, scope)
        for name, item in sorted(device.items.items())
        if VARIABLE.holds(name, device.keys[name], faults) and isinstance(item, Mapping)
    )


def _map(item: Node) -> Node:
    if isinstance(item, Scalar) and item.value is None:
        return Mapping(items={}, keys={}, origin=item.origin)
    return item


def _value(name: str, item: Mapping, scope: Scope) -> Value:
    secret = item.items.get("secret")
    return Value(
        name=name,
        pattern=scope.read(item, "pattern", EXPRESSION) or "",
        secret=isinstance(secret, Scalar) and secret.value is True,
        summary=scope.read(item, "summary", LINE) or "",
    )
