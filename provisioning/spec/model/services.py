"""Reads what a spec says of services, their health checks, hooks and device values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioning.artifact.model.device import Value
from provisioning.artifact.model.package import LONGEST_WAIT, Hook
from provisioning.artifact.model.service import (
    CHECKS,
    SHARE,
    STATE_DIRECTORY,
    WITHOUT_COUNTERPART,
    Health,
    Service,
    dump_value,
    extra_fault,
    is_unit,
)
from provisioning.artifact.service_files import unit_of
from provisioning.spec.diagnostics import nearest
from provisioning.spec.model.variant import Content, HookSpec, ServiceSpec
from provisioning.spec.schema.rules import (
    ACCOUNT,
    ADDRESS,
    COMMAND,
    EXPRESSION,
    LINE,
    MEMORY,
    NAME,
    NICE,
    OWNER,
    PATH,
    PLACE,
    QUOTA,
    RESTART,
    SECONDS,
    SETTING,
    UNIT,
    URL,
    VARIABLE,
    clean,
)
from provisioning.spec.yaml.node import Mapping, Node, Scalar, plain, scalars

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from provisioning.spec.diagnostics import Diagnostics
    from provisioning.spec.model.variant import Variant
    from provisioning.spec.resolve.layers import Conditions
    from provisioning.spec.resolve.variables import Scope
    from provisioning.spec.schema.rules import Rule
    from provisioning.spec.yaml.node import Origin

_RULES: dict[str, Rule] = dict(zip(CHECKS, (URL, ADDRESS, COMMAND, SECONDS), strict=True))
HEALTH_PATIENCE = 30
"""Default seconds until a service must be healthy, beyond the uptime that it needs."""


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
        message = f"it cannot run for {needed} seconds within {seconds}"
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
    return layer._replace(items={**layer.items, DEVICE: device._replace(items=named)})


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


ONLINE = "network-online.target"
_TARGETS = frozenset(
    [
        "basic",
        "bluetooth",
        "getty",
        "graphical",
        "local-fs",
        "multi-user",
        "network",
        "network-online",
        "network-pre",
        "nss-lookup",
        "nss-user-lookup",
        "paths",
        "printer",
        "remote-fs",
        "sockets",
        "sound",
        "swap",
        "sysinit",
        "time-set",
        "time-sync",
        "timers",
        "usb-gadget",
    ]
)
"""Of systemd.special(7), those that a service may wait for."""


class _Units:
    """Finds the units that the services of one variant name in `after` and `wants`."""

    def __init__(self, scope: Scope, package: str, services: Collection[str]) -> None:
        """`services` are those that the variant has."""
        self._scope, self._package, self._services = scope, package, services

    def read(self, item: Mapping, service: str) -> dict[str, tuple[str, ...]]:
        """Return the whole names of units, by key."""
        found = {key: tuple(self._named(item, key, service)) for key in ("after", "wants")}
        after, wants = (ONLINE in units for units in found.values())
        if after != wants:  # guard: half-of-network-online
            written, missing = ("after", "wants") if after else ("wants", "after")
            what = "started" if after else "waited for"
            message = f"{ONLINE} is {what} only if `{missing}` names it, too"
            hint = f"say both: {written}: [network-online] and {missing}: [network-online]"
            origin = item.items[written].origin
            self._scope.diagnostics.error(origin, "half-ordered", message, hint)
        return found

    def _named(self, item: Mapping, key: str, service: str) -> dict[str, None]:
        found = dict[str, None]()
        for node in item.sequence(key):
            text = self._scope.text(node, UNIT) if isinstance(node, Scalar) else None
            if text is None:
                continue
            if text == service:
                message = f"{text} is this service itself"
                self._scope.diagnostics.error(node.origin, "unknown-unit", message)
            elif unit := self._whole(text):
                found[unit] = None
            else:
                near = nearest(text, {*self._services, *_TARGETS}) or f"{text}.service"
                message = f"{text} is no unit: it has no suffix such as .service or .target"
                hint = f"did you mean {near}?"
                self._scope.diagnostics.error(node.origin, "unknown-unit", message, hint)
        return found

    def _whole(self, text: str) -> str:
        if text in self._services:
            return unit_of(self._package, text)
        if text in _TARGETS:
            return f"{text}.target"
        return text if is_unit(text) else ""


_PRIVATE = 0o700


def with_state(variant: Variant, diagnostics: Diagnostics) -> Variant:
    """Return `variant` with the directories in which its services keep their state.

    Each is a content like any other empty directory, and outlives releases as these do; unless
    `contents` have it already, with a mode of their own.
    """
    directories = {each.dst: each for each in variant.contents if each.kind == "dir"}
    services, made = list[ServiceSpec](), list[Content]()
    for spec in variant.services:
        service, path = spec.service, spec.state_directory
        if path:
            owner = service.user or "root"
            if path not in directories:
                directories[path] = _directory(spec, owner, variant.group)
                made.append(directories[path])
            if (other := directories[path].owner) != owner:
                message = f"{path} belongs to {other}, and {service.name} runs as {owner}"
                origin = spec.origins["state_directory"]
                diagnostics.error(origin, "shared-state", message, "give each user its own")
            environment = dict(service.environment)
            if STATE_DIRECTORY in environment:
                message = f"environment sets {STATE_DIRECTORY}, as state_directory does"
                origin = spec.origins["environment"]
                diagnostics.error(origin, "shared-state", message, "remove one of them")
            environment[STATE_DIRECTORY] = f"{variant.prefix}/{path}"
            service = service._replace(environment=tuple(sorted(environment.items())))
        services.append(spec._replace(service=service))
    return variant._replace(contents=(*variant.contents, *made), services=tuple(services))


def _directory(spec: ServiceSpec, owner: str, group: str) -> Content:
    origin = spec.origins["state_directory"]
    return Content(
        kind="dir",
        source="",
        dst=spec.state_directory,
        into=False,
        mode=_PRIVATE,
        owner=owner,
        group=spec.service.group or group,
        exclude=(),
        conffile=False,
        optional=False,
        foreign=False,
        makers=(),
        environment=None,
        where=f"services.{spec.service.name}.state_directory",
        origin=origin,
        origins={"dir": origin},
    )


HOOK_PATIENCE = 60
"""Default seconds that a hook may take."""


class Services:
    """Makes the services and hooks of one variant; incomplete if something is wrong."""

    def __init__(self, scope: Scope, conditions: Conditions, package: str, manager: str) -> None:
        """Resolve texts in `scope`, and leave out what `conditions` exclude.

        `manager` is the service manager, or "".
        """
        self._scope = scope
        self._conditions = conditions
        self._package, self._manager = package, manager

    def read(self, services: Mapping) -> tuple[ServiceSpec, ...]:
        """Return the services by their names."""
        found = {
            name: item
            for name, item in sorted(services.items.items())
            if NAME.holds(name, services.keys[name], self._scope.diagnostics)
            and isinstance(item, Mapping)
            and self._conditions.hold(item)
        }
        units = _Units(self._scope, self._package, found)
        return tuple(
            self._service(name, item, services.keys[name], units) for name, item in found.items()
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

    def _service(self, name: str, item: Mapping, origin: Origin, units: _Units) -> ServiceSpec:
        if "exec" not in item.items:
            message, hint = "exec is missing", "write what to run, as in exec: bin/greenhouse serve"
            self._scope.diagnostics.error(origin, "missing-key", message, hint)
        self._check_counterparts(item)
        service = Service(
            name=name,
            exec=self._scope.read(item, "exec", COMMAND) or "",
            restart=self._scope.read(item, "restart", RESTART) or "on-failure",
            user=self._user(item, origin),
            group=self._scope.read(item, "group", OWNER) or "",
            environment=self._environment(item.mapping("environment")),
            directory=clean(self._scope.read(item, "directory", PLACE) or ""),
            health=read_health(item, self._scope),
            groups=tuple(dict.fromkeys(self._scope.texts(item, "groups", OWNER))),
            **units.read(item, name),
            memory_max=self._scope.read(item, "memory_max", MEMORY) or "",
            cpu_quota=self._scope.read(item, "cpu_quota", QUOTA) or "",
            nice=int(self._scope.read(item, "nice", NICE) or "0"),
            extra=tuple(self._extra(item.mapping("extra").mapping(self._manager))),
        )
        origins = {key: node.origin for key, node in item.items.items()}
        return ServiceSpec(service, origin, origins, self._state(item))

    def _check_counterparts(self, item: Mapping) -> None:
        """Refuse what launchd could not do: to pass over it would be silent."""
        if self._manager != "launchd":
            return
        absent = WITHOUT_COUNTERPART.items()
        found = {key: why for key, why in absent if key in item.items}
        memory = self._scope.read(item, "memory_max")
        if memory and memory.endswith("%"):
            found["memory_max"] = SHARE
        for key, why in found.items():  # guard: launchd-has-none
            hint = f"take it away in the overlay of this platform: `{key}:` without a value"
            origin = item.items[key].origin
            self._scope.diagnostics.error(origin, "no-counterpart", why, hint)

    def _state(self, item: Mapping) -> str:
        path = self._scope.read(item, "state_directory", PLACE)
        if path is not None and not clean(path):
            message = "this is the whole package; name a directory in it, such as var/lib"
            self._scope.diagnostics.error(item.items["state_directory"].origin, "bad-path", message)
        return clean(path or "")

    def _extra(self, settings: Mapping) -> Iterator[tuple[str, str]]:
        for key, node in sorted(settings.items.items()):
            origin = settings.keys[key]
            if not SETTING.holds(key, origin, self._scope.diagnostics):
                continue
            # A secret among them, and what stands for no single value, are refused.
            texts = [self._scope.text(each) for each in scalars(node)]
            value = self._scope.resolve(node)
            if value is None or None in texts:
                continue
            said = plain(value)
            if self._manager == "systemd":
                said = [*map(_said, said)] if isinstance(said, list) else _said(said)
            if reason := extra_fault(self._manager, key, said):
                self._scope.diagnostics.error(origin, "bad-extra", reason)
            else:
                yield key, dump_value(said)

    def _user(self, item: Mapping, origin: Origin) -> str:
        if "user" in item.items:
            return self._scope.read(item, "user", OWNER) or ""
        # One of its own keeps a service from the files of all others. macOS has no command that
        # makes a user in a way that Apple documents, so there one has to be named.
        account = self._package if self._manager == "systemd" else ""
        if account and (reason := ACCOUNT.reason(account)):
            hint = "write who runs it, as in user: greenhouse"
            self._scope.diagnostics.error(origin, "no-user", f"{account} {reason}", hint)
        return account

    def _environment(self, environment: Mapping) -> tuple[tuple[str, str], ...]:
        return tuple(
            (key, self._scope.read(environment, key, LINE) or "")
            for key in sorted(environment.items)
            if VARIABLE.holds(key, environment.keys[key], self._scope.diagnostics)
        )


def _said(value: Any) -> Any:
    """A value as units spell it: systemd.syntax(7)."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int) else value
