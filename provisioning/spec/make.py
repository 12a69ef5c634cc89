"""Knows how what was resolved becomes a Variant: checked, defaults applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioning.place import prefix_fault
from provisioning.spec.compression import read_compression
from provisioning.spec.content import Contents
from provisioning.spec.debian import DEB, demand_debian, read_documents, read_fields
from provisioning.spec.device import DEVICE, read_device
from provisioning.spec.fault import Fault
from provisioning.spec.node import doubtful, plain, scalars
from provisioning.spec.rule import ABOUT, FORMAT, MODE, MTIME, OWNER, SERVICE_MANAGER
from provisioning.spec.service import Services
from provisioning.spec.service_rule import place_reason
from provisioning.spec.variables import BUILT_IN
from provisioning.spec.variant import Variant

if TYPE_CHECKING:
    from provisioning.spec.node import Mapping, Node
    from provisioning.spec.resolve import Resolved
    from provisioning.spec.variables import Scope

_ABOUT = ("summary", "license", "maintainer")


def make_variant(resolved: Resolved, faults: list[Fault]) -> Variant:
    """Return the variant that `resolved` describes; every fault of it is added to `faults`."""
    merged, scope = resolved.merged, resolved.scope
    values = scope.variables()
    variables = {name: plain(node) for name, node in values.items()}
    defaults = merged.mapping("defaults")
    file_mode, dir_mode = (_mode(defaults, key, scope) for key in ("file_mode", "dir_mode"))
    owner, group = (scope.read(defaults, key, OWNER) or "" for key in ("owner", "group"))
    debian = merged.mapping("debian")
    services = Services(scope, resolved.conditions, faults)
    manager = scope.read(merged, "service_manager", SERVICE_MANAGER) or ""
    variant = Variant(
        **{key: variables.get(key, "") for key in BUILT_IN},
        **{key: scope.read(merged, key, ABOUT) or "" for key in _ABOUT},
        formats=tuple(dict.fromkeys(scope.texts(merged, "formats", FORMAT))),
        compression=read_compression(merged.mapping("compression"), scope, faults),
        mtime=scope.read(merged, "mtime", MTIME) or "",
        debian=read_fields(debian, scope),
        documents=read_documents(debian, scope),
        service_manager=manager,
        file_mode=file_mode,
        dir_mode=dir_mode,
        owner=owner,
        group=group,
        contents=Contents(scope, (owner, group), faults).read(resolved.contents),
        services=services.read(merged.mapping("services"), _account(variables, manager)),
        hooks=services.hooks(merged.mapping("hooks")),
        device=read_device(merged.mapping(DEVICE), scope, faults),
        variables=variables,
        doubtful=tuple(place for name in values for place in doubtful(values[name], (name,))),
        secrets=frozenset(name for name, node in values.items() if _is_secret(node)),
        file=resolved.spec.origin.file,
        origin=resolved.asked,
        said_by=resolved.said_by,
    )
    _check_prefix(variant, merged, faults)
    _check_services(variant, merged, faults)
    if DEB in variant.formats:
        demand_debian(values, merged.items["formats"], faults)
        return variant
    return variant._replace(debian={}, documents=())


def _mode(defaults: Mapping, key: str, scope: Scope) -> int:
    return int(scope.read(defaults, key, MODE) or "0", 8)


def _is_secret(node: Node) -> bool:
    return any(each.secret for each in scalars(node))


def _account(variables: dict[str, Any], manager: str) -> str:
    """Who runs a service that names no user; "" leaves it to the service manager."""
    # One of its own keeps a service from the files of all others. macOS has no command that makes
    # a user in a way that Apple documents, so there one has to be named.
    return str(variables.get("name", "")) if manager == "systemd" else ""


def _check_prefix(variant: Variant, merged: Mapping, faults: list[Fault]) -> None:
    """Add the fault of a prefix that is not the package's own."""
    prefix = variant.prefix.rstrip("/")  # none where its rule has told what is the matter
    reason = prefix and prefix_fault(prefix, variant.os)
    if reason and "prefix" in merged.items:
        origin = merged.items["prefix"].origin
        usual = "/usr/local/opt" if variant.os == "macos" else "/opt"
        hint = f"as in {usual}/{variant.name}"
        faults.append(Fault.at(origin, "shared-prefix", f"{variant.prefix} {reason}", hint))


def _check_services(variant: Variant, merged: Mapping, faults: list[Fault]) -> None:
    """Add the faults of what a platform, or a prefix, has to be where there are services."""
    if "service_manager" not in merged.items:
        _demand_manager(variant, faults)
    reason = place_reason(variant.prefix[1:]) if variant.services else ""
    if reason and "prefix" in merged.items:
        origin = merged.items["prefix"].origin
        faults.append(Fault.at(origin, "bad-path", f"{variant.prefix} {reason}"))


def _demand_manager(variant: Variant, faults: list[Fault]) -> None:
    for service in variant.services:
        message = f"the platform {variant.platform} does not say what keeps services running"
        hint = "add service_manager: systemd (or launchd) to the platform, or except: to this"
        faults.append(Fault.at(service.origin, "no-service-manager", message, hint))
