"""Reads what a spec says of services, their health checks, hooks and device values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioning.artifact.model.device import Value
from provisioning.artifact.model.package import CHECKS, LONGEST_WAIT, Health, Hook, Service
from provisioning.spec.model.variant import HookSpec, ServiceSpec
from provisioning.spec.schema.rules import (
    ACCOUNT,
    ADDRESS,
    COMMAND,
    EXPRESSION,
    LINE,
    NAME,
    OWNER,
    PATH,
    PLACE,
    RESTART,
    SECONDS,
    URL,
    VARIABLE,
    clean,
)
from provisioning.spec.yaml.node import Mapping, Node, Scalar

if TYPE_CHECKING:
    from provisioning.spec.resolve.layers import Conditions
    from provisioning.spec.resolve.variables import Scope
    from provisioning.spec.schema.rules import Rule
    from provisioning.spec.yaml.node import Origin

_RULES: dict[str, Rule] = dict(zip(CHECKS, (URL, ADDRESS, COMMAND, SECONDS), strict=True))
HEALTH_PATIENCE = 30
"""Default seconds until a service must be well, beyond the uptime that it needs."""


def read_health(service: Mapping, scope: Scope) -> Health | None:
    """Return the health check of `service`; None if there is none, or it is wrong."""
    health = service.items.get("health")
    if not isinstance(health, Mapping) or not health.items:
        return None  # an overlay has removed all of it, or the schema has reported it
    given = [check for check in CHECKS if check in health.items]
    if len(given) != 1:
        which = f"{' and '.join(given)} exclude each other" if given else "nothing to check"
        message = f"{which}; give exactly one of {', '.join(CHECKS)}"
        scope.diagnostics.error(health.origin, "health-check", message)
        return None
    (check,) = given
    what = scope.read(health, check, _RULES[check])
    within = scope.read(health, "within", SECONDS)
    if what is None or (within is None and "within" in health.items):
        return None
    needed = int(what) if check == "uptime" else 0
    seconds = int(within) if within else min(HEALTH_PATIENCE + needed, LONGEST_WAIT)
    if seconds <= needed:
        message = f"it cannot have run for {needed} seconds within {seconds}"
        origin = health.items.get("within", health.items[check]).origin
        scope.diagnostics.error(origin, "bad-seconds", message)
    if check == "tcp" and what.isdigit():
        what = f"localhost:{what}"
    return Health(check=check, what=what, within=seconds)


DEVICE = "device"


def declared(layer: Mapping) -> Mapping:
    """Return a spec or an overlay with {} for each device value that is named alone.

    To name one is to ask for it; elsewhere an empty key removes what a layer below says.
    """
    device = layer.mapping(DEVICE)
    named = {name: _map(item) for name, item in device.items.items()}
    if named == device.items:
        return layer
    return replace(layer, items={**layer.items, DEVICE: replace(device, items=named)})


def read_device(device: Mapping, scope: Scope) -> tuple[Value, ...]:
    """Return the values, in the order of their names."""
    return tuple(
        _value(name, item, scope)
        for name, item in sorted(device.items.items())
        if VARIABLE.holds(name, device.keys[name], scope.diagnostics) and isinstance(item, Mapping)
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


HOOK_PATIENCE = 60
"""Default seconds that a hook may take."""


class Services:
    """Makes the services and hooks of one variant; incomplete if something is wrong."""

    def __init__(self, scope: Scope, conditions: Conditions) -> None:
        """Resolve texts in `scope`, and leave out what `conditions` exclude."""
        self._scope = scope
        self._conditions = conditions

    def read(self, services: Mapping, account: str) -> tuple[ServiceSpec, ...]:
        """Return the services by their names; `account` runs those that name no user."""
        return tuple(
            self._service(name, item, services.keys[name], account)
            for name, item in sorted(services.items.items())
            if NAME.holds(name, services.keys[name], self._scope.diagnostics)
            and isinstance(item, Mapping)
            and self._conditions.hold(item)
        )

    def hooks(self, hooks: Mapping) -> tuple[HookSpec, ...]:
        """Return the hooks, in the order of their names."""
        found = (self._hook(name, item) for name, item in sorted(hooks.items.items()))
        return tuple(hook for hook in found if hook is not None)

    def _hook(self, name: str, item: Node) -> HookSpec | None:
        script, timeout = item, None
        if isinstance(item, Mapping):
            if not self._conditions.hold(item):
                return None
            script = item.items.get("run", item)  # without it, the schema has reported it
            timeout = self._scope.read(item, "timeout", SECONDS)
        if not isinstance(script, Scalar) or script.value is None:
            return None  # reported by the schema or the merging
        path = self._scope.text(script, PATH)
        if path is None:
            return None
        seconds = int(timeout) if timeout else HOOK_PATIENCE
        return HookSpec(Hook(name, seconds), clean(path), script.origin)

    def _service(self, name: str, item: Mapping, origin: Origin, account: str) -> ServiceSpec:
        if "exec" not in item.items:
            message, hint = "exec is missing", "say what runs, as in exec: bin/greenhouse serve"
            self._scope.diagnostics.error(origin, "missing-key", message, hint)
        service = Service(
            name=name,
            exec=self._scope.read(item, "exec", COMMAND) or "",
            restart=self._scope.read(item, "restart", RESTART) or "on-failure",
            user=self._user(item, origin, account),
            group=self._scope.read(item, "group", OWNER) or "",
            environment=self._environment(item.mapping("environment")),
            directory=clean(self._scope.read(item, "directory", PLACE) or ""),
            health=read_health(item, self._scope),
        )
        return ServiceSpec(service, origin, {key: node.origin for key, node in item.items.items()})

    def _user(self, item: Mapping, origin: Origin, account: str) -> str:
        if "user" in item.items:
            return self._scope.read(item, "user", OWNER) or ""
        if account and (reason := ACCOUNT.reason(account)):
            hint = "say who runs this, as in user: greenhouse"
            self._scope.diagnostics.error(origin, "no-user", f"{account} {reason}", hint)
        return account

    def _environment(self, environment: Mapping) -> tuple[tuple[str, str], ...]:
        return tuple(
            (key, self._scope.read(environment, key, LINE) or "")
            for key in sorted(environment.items)
            if VARIABLE.holds(key, environment.keys[key], self._scope.diagnostics)
        )
