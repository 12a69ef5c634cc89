"""Knows how `services` and `hooks` of a spec become Services and Hooks of a variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault
from provisioning.spec.node import Mapping, Scalar
from provisioning.spec.rule import NAME, OWNER, PATH, RESTART, clean
from provisioning.spec.variant import Hook, Service

if TYPE_CHECKING:
    from provisioning.spec.condition import Conditions
    from provisioning.spec.origin import Origin
    from provisioning.spec.variables import Scope

_PATIENCE = 60  # seconds that a hook has, where nothing is said


class Services:
    """Makes the services and hooks of one variant; after a fault they are incomplete."""

    def __init__(self, scope: Scope, conditions: Conditions, faults: list[Fault]) -> None:
        """Resolve texts in `scope`, and leave out what `conditions` exclude."""
        self._scope = scope
        self._conditions = conditions
        self._faults = faults

    def read(self, services: Mapping) -> tuple[Service, ...]:
        """Return the services, in the order of their names."""
        return tuple(
            self._service(name, item, services.keys[name])
            for name, item in sorted(services.items.items())
            if NAME.holds(name, services.keys[name], self._faults)
            and isinstance(item, Mapping)
            and self._conditions.hold(item)
        )

    def hooks(self, hooks: Mapping) -> tuple[Hook, ...]:
        """Return the hooks, in the order of their names."""
        found: list[Hook] = []
        for name, item in sorted(hooks.items.items()):
            script = item
            if isinstance(item, Mapping):
                if not self._conditions.hold(item):
                    continue
                script = item.items.get("run", item)  # without it, the schema has told
            if not isinstance(script, Scalar) or script.value is None:
                continue  # the schema has told, or the merging
            path = self._scope.text(script, PATH)
            if path is not None:
                found.append(
                    Hook(name=name, source=clean(path), timeout=_PATIENCE, origin=script.origin)
                )
        return tuple(found)

    def _service(self, name: str, item: Mapping, origin: Origin) -> Service:
        if "exec" not in item.items:
            message, hint = "exec is missing", "say what runs, as in exec: bin/greenhouse serve"
            self._faults.append(Fault.at(origin, "missing-key", message, hint))
        environment = item.mapping("environment")
        values = {key: self._scope.read(environment, key) for key in environment.items}
        return Service(
            name=name,
            exec=self._scope.read(item, "exec") or "",
            restart=self._scope.read(item, "restart", RESTART) or "on-failure",
            user=self._scope.read(item, "user", OWNER) or "",
            group=self._scope.read(item, "group", OWNER) or "",
            environment={key: value or "" for key, value in values.items()},
            directory="",
            health=None,
            origin=origin,
        )
