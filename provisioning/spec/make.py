"""Knows how what was resolved becomes a Variant: checked, defaults applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.compression import read_compression
from provisioning.spec.content import Contents
from provisioning.spec.fault import Fault
from provisioning.spec.node import plain, scalars
from provisioning.spec.rule import ABOUT, FORMAT, MODE, MTIME, OWNER, SERVICE_MANAGER
from provisioning.spec.service import Services
from provisioning.spec.variables import BUILT_IN
from provisioning.spec.variant import Variant

if TYPE_CHECKING:
    from provisioning.spec.resolve import Resolved

_ABOUT = ("summary", "license", "maintainer")


def make_variant(resolved: Resolved, faults: list[Fault]) -> Variant:
    """Return the variant that `resolved` describes; every fault of it is added to `faults`."""
    merged, scope = resolved.merged, resolved.scope
    defaults = merged.mapping("defaults")
    modes = [scope.read(defaults, key, MODE) or "0" for key in ("file_mode", "dir_mode")]
    owner, group = (scope.read(defaults, key, OWNER) or "" for key in ("owner", "group"))
    values = scope.variables()
    variables = {name: plain(node) for name, node in values.items()}
    services = Services(scope, resolved.conditions, faults)
    variant = Variant(
        **{key: variables.get(key, "") for key in BUILT_IN},
        **{key: scope.read(merged, key, ABOUT) or "" for key in _ABOUT},
        formats=tuple(dict.fromkeys(scope.texts(merged, "formats", FORMAT))),
        compression=read_compression(merged.mapping("compression"), scope, faults),
        mtime=scope.read(merged, "mtime", MTIME) or "",
        service_manager=scope.read(merged, "service_manager", SERVICE_MANAGER) or "",
        file_mode=int(modes[0], 8),
        dir_mode=int(modes[1], 8),
        owner=owner,
        group=group,
        contents=Contents(scope, (owner, group), faults).read(resolved.contents),
        services=services.read(merged.mapping("services")),
        hooks=services.hooks(merged.mapping("hooks")),
        device=(),
        variables=variables,
        secrets=frozenset(
            name for name, node in values.items() if any(each.secret for each in scalars(node))
        ),
        file=resolved.spec.origin.file,
        origin=resolved.asked,
    )
    if "service_manager" not in merged.items:
        _demand_manager(variant, faults)
    return variant


def _demand_manager(variant: Variant, faults: list[Fault]) -> None:
    for service in variant.services:
        message = f"the platform {variant.platform} does not say what keeps services running"
        hint = "add service_manager: systemd (or launchd) to the platform, or except: to this"
        faults.append(Fault.at(service.origin, "no-service-manager", message, hint))
