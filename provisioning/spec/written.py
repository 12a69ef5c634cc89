"""Knows specs that are written in Python, with the keys and values that YAML would have."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping as Data

    from provisioning.spec.fault import Fault
    from provisioning.spec.node import Mapping
    from provisioning.spec.origin import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One spec: what a YAML file of a spec would hold, as dicts, lists and texts."""

    values: Data[str, Any]
    origin: Origin
    """Where the dodo.py hands it in."""

    @property
    def state(self) -> str:
        """Text that is equal for two specs only if they are."""
        try:
            return f"{self.origin} {json.dumps(self.values, default=repr)}"
        except (TypeError, ValueError, RecursionError):
            return os.urandom(16).hex()  # it is a fault, and none to be remembered

    def node(self, faults: list[Fault]) -> Mapping | None:
        """Return the same as nodes; None after a fault."""
        # Imported here: with nothing to read, YAML's limits are not worth an import of YAML.
        from provisioning.spec.fault import Fault  # noqa: PLC0415
        from provisioning.spec.plain import UnusableError, node_of  # noqa: PLC0415

        if not isinstance(self.values, dict):
            message = "a spec is a dict; hand in those of a list as in tasks(*specs)"
            faults.append(Fault.at(self.origin, "wrong-type", message))
            return None
        name = self.values.get("name")  # one call can hand in many specs
        try:
            return node_of(self.values, self.origin, literal=False, path=f"{name or ''}")
        except UnusableError as error:
            fault = Fault(
                code="wrong-type", origin=self.origin, where=error.path, message=error.message
            )
            faults.append(fault)
        return None
