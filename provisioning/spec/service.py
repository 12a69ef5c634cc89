"""Knows how `services` and `hooks` of a spec become Services and Hooks of a variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault
from provisioning.spec.health import read_health
from provisioning.spec.node import Mapping, Scalar
from provisioning.spec.rule import NAME, OWNER, PATH, clean
from provisioning.spec.service_rule import (
    ACCOUNT,
    COMMAND,
    LINE,
    PLACE,
    RESTART,
    SECONDS,
    VARIABLE,
)
from provisioning.spec.variant import Hook, Service

if TYPE_CHECKING:
    from provisioning.spec.condition import Conditions
    from provisioning.spec.node import Node
    from provisioning.spec.origin import Origin
    from provisioning.spec.variables import Scope

PATIENCE = 60
"""Seconds that a hook has, where nothing is said."""


class Services:
    """Makes the services and hooks of one variant; after a fault they are incomplete."""

    def __init__(self, scope: Scope, conditions: Conditions, faults: list[Fault]) -> None:
        """Resolve texts in `scope`, and leave out what `conditions` exclude."""
        self._scope = scope
        self._conditions = conditions
        self._faults = faults

    def read(self, services: Mapping, account: str) -> tuple[Service, ...]:
        """Return the services by their names; `account` runs those that name no user."""
        return tuple(
            self._service(name, item, services.keys[name], account)
            for name, item in sorted(services.items.items())
            if NAME.holds(name, services.keys[name], self._faults)
            and isinstance(item, Mapping)
            and self._conditions.hold(item)
        )

    def hooks(self, hooks: Mapping) -> tuple[Hook, ...]:
        """Return the hooks, in the order of their names."""
        found = (self._hook(name, item) for name, item in sorted(hooks.items.items()))
        return tuple(hook for hook in found if hook is not None)

    def _hook(self, name: str, item: Node) -> Hook | None:
        script, timeout = item, None
        if isinstance(item, Mapping):
            if not self._conditions.hold(item):
                return None
            script = item.items.get("run", item)  # without it, the schema has told
            timeout = self._scope.read(item, "timeout", SECONDS)
        if not isinstance(script, Scalar) or script.value is None:
            return None  # the schema has told, or the merging
        path = self._scope.text(script, PATH)
        if path is None:
            return None
        seconds = int(timeout) if timeout else PATIENCE
        return Hook(name=name, source=clean(path), timeout=seconds, origin=script.origin)

    def _service(self, name: str, item: Mapping, origin: Origin, account: str) -> Service:
        if "exec" not in item.items:
            message, hint = "exec is missing", "say what runs, as in exec: bin/greenhouse serve"
            self._faults.append(Fault.at(origin, "missing-key", message, hint))
        return Service(
            name=name,
            exec=self._scope.read(item, "exec", COMMAND) or "",
            restart=self._scope.read(item, "restart", RESTART) or "on-failure",
            user=self._user(item, origin, account),
            group=self._scope.read(item, "group", OWNER) or "",
            environment=self._environment(item.mapping("environment")),
            directory=clean(self._scope.read(item, "directory", PLACE) or ""),
            health=read_health(item, self._scope, self._faults),
            origin=origin,
            origins={key: node.origin for key, node in item.items.items()},
        )

    def _user(self, item: Mapping, origin: Origin, account: str) -> str:
        if "user" in item.items:
            return self._scope.read(item, "user", OWNER) or ""
        if account and (reason := ACCOUNT.reason(account)):
            hint = "say who runs this, as in user: greenhouse"
            self._faults.append(Fault.at(origin, "no-user", f"{account} {reason}", hint))
        return account

    def _environment(self, environment: Mapping) -> dict[str, str]:
        return {
            key: self._scope.read(environment, key, LINE) or ""
            for key in environment.items
            if VARIABLE.holds(key, environment.keys[key], self._faults)
        }
