"""Knows how `health` of a service becomes a Health: exactly one check, and how long it may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault
from provisioning.spec.node import Mapping
from provisioning.spec.service_rule import ADDRESS, COMMAND, LONGEST_WAIT, SECONDS, URL
from provisioning.spec.variant import Health

if TYPE_CHECKING:
    from provisioning.spec.rule import Rule
    from provisioning.spec.variables import Scope

CHECKS: dict[str, Rule] = {"http": URL, "tcp": ADDRESS, "command": COMMAND, "uptime": SECONDS}
PATIENCE = 30
"""Seconds that a service has to be well, where nothing is said; beyond the uptime that it needs."""


def read_health(service: Mapping, scope: Scope, faults: list[Fault]) -> Health | None:
    """Return how one sees that `service` is well, None if nothing is said, or after a fault."""
    health = service.items.get("health")
    if not isinstance(health, Mapping) or not health.items:
        return None  # an overlay has taken away all of it, or the schema has told
    given = [check for check in CHECKS if check in health.items]
    if len(given) != 1:
        which = f"{' and '.join(given)} exclude each other" if given else "nothing to check"
        message = f"{which}; give exactly one of {', '.join(CHECKS)}"
        faults.append(Fault.at(health.origin, "health-check", message))
        return None
    (check,) = given
    what = scope.read(health, check, CHECKS[check])
    within = scope.read(health, "within", SECONDS)
    if what is None or (within is None and "within" in health.items):
        return None
    needed = int(what) if check == "uptime" else 0
    seconds = int(within) if within else min(PATIENCE + needed, LONGEST_WAIT)
    if seconds <= needed:
        message = f"it cannot have run for {needed} seconds within {seconds}"
        origin = health.items.get("within", health.items[check]).origin
        faults.append(Fault.at(origin, "bad-seconds", message))
    if check == "tcp" and what.isdigit():
        what = f"localhost:{what}"
    return Health(check=check, what=what, within=seconds)
