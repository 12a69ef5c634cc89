"""Knows whether the services of a package are well, once they were started."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from provisioning.target.probe import command_probe, http_probe, tcp_probe
from provisioning.target.services import manager_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import ModuleType

    from provisioning.artifact.package import Health, Package, Service
    from provisioning.target.probe import Probe
    from provisioning.target.system import System

_SETTLED = 1  # seconds that a service has to run before it is well, whatever it answers
_FIRST, _LONGEST = 0.05, 1.0  # seconds between two looks
_LEAST, _MOST = 0.2, 10  # seconds that a look has


def fault(
    system: System, package: Package, values: Mapping[str, str], resting: Collection[str] = ()
) -> str:
    """Tell which services are not well within their time, and why; "" if all are that do not rest.

    Raises TargetError if that cannot be told.
    """
    if not package.services or not system.runs or system.boots:
        return ""
    began = time.monotonic()
    name = manager_of(package).name
    asked = (each for each in package.services if name(package, each.name) not in resting)
    told = (_fault(package, service, values, began) for service in asked)
    return "; ".join(each for each in told if each)


def await_well(look: Probe, deadline: float) -> str:
    """Look again and again until all is well, which is "", or the deadline has come: why not."""
    pause = _FIRST
    while True:
        left = deadline - time.monotonic()
        why = look(min(max(left, _LEAST), _MOST))
        left = deadline - time.monotonic()
        if not why or left <= 0:
            return why
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST)


def _fault(package: Package, service: Service, values: Mapping[str, str], began: float) -> str:
    manager = manager_of(package)
    name = manager.name(package, service.name)
    if service.health is None:
        time.sleep(max(0, began + _SETTLED - time.monotonic()))
        state = manager.state(name)
        why = "" if state.active in {"active", "inactive"} else f"is {state.told}"
    else:
        look = _look(package, service, service.health, values)
        why = await_well(look, began + service.health.within)
        why = why and f"is not well within {service.health.within} seconds: {why}"
    return why and f"{service.name} {why}{manager.last_words(name)}"


def _look(package: Package, service: Service, health: Health, values: Mapping[str, str]) -> Probe:
    manager = manager_of(package)
    name = manager.name(package, service.name)
    if health.check == "uptime":
        return _Uptime(manager, name, int(health.what))
    if health.check == "command":
        probe = command_probe(package, service, health.what, values)
    else:
        probe = {"http": http_probe, "tcp": tcp_probe}[health.check](health.what)

    settled = _Uptime(manager, name, _SETTLED)

    def look(seconds: float) -> str:
        # Another program may be the one that answers, while this one finds its port taken.
        running, why = settled(seconds), probe(seconds)
        return why or (running and f"{health.what}: well, but {running}")

    return look


class _Uptime:
    """Sees one process of a service run for some seconds."""

    def __init__(self, manager: ModuleType, name: str, seconds: int) -> None:
        self._manager, self._name, self._seconds = manager, name, seconds
        self._pid, self._since = 0, time.monotonic()

    def __call__(self, _: float) -> str:
        state, now = self._manager.state(self._name), time.monotonic()
        if state.active != "active" or state.pid != self._pid:
            self._pid, self._since = state.pid, now
        runs = now - self._since
        if state.active != "active" or runs < self._seconds:
            return f"it is {state.told}, for {int(runs)} of {self._seconds} seconds"
        return ""
