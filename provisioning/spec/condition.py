"""Knows for which platforms a content, a service or a hook is meant: its `only` and `except`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault, did_you_mean
from provisioning.spec.node import Scalar

if TYPE_CHECKING:
    from collections.abc import Collection

    from provisioning.spec.node import Mapping
    from provisioning.spec.variables import Scope


class Conditions:
    """The conditions of one variant. A platform is also what it extends."""

    def __init__(
        self, family: Collection[str], known: Collection[str], scope: Scope, faults: list[Fault]
    ) -> None:
        """`family` is the variant's platform and its ancestors, of all those `known`."""
        self._family = family
        self._known = known
        self._scope = scope
        self._faults = faults

    def hold(self, item: Mapping) -> bool:
        """Whether `item` is meant for the platform."""
        only, excepted = self._names(item, "only"), self._names(item, "except")
        here = "only" not in item.items or any(name in self._family for name in only)
        return here and not any(name in self._family for name in excepted)

    def _names(self, item: Mapping, key: str) -> list[str | None]:
        node = item.items.get(key)
        written = (node,) if isinstance(node, Scalar) else item.sequence(key)
        return [self._name(each) for each in written if isinstance(each, Scalar)]

    def _name(self, node: Scalar) -> str | None:
        name = self._scope.text(node)
        if name is not None and name not in self._known:
            message = f"there is no platform {name}"
            hint = did_you_mean(name, self._known)
            self._faults.append(Fault.at(node.origin, "unknown-platform", message, hint))
        return name
