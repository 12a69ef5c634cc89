"""Knows what two packages of a project cannot both have on one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.place import is_within, recovery_name, service_name
from provisioning.spec.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.spec.origin import Origin
    from provisioning.spec.resolve import Resolved
    from provisioning.spec.variant import Variant

    _Made = tuple[Variant, Resolved]

_PREFIX = "prefix"


def faults_beside(made: Iterable[_Made]) -> Iterable[Fault]:
    """Tell what is the matter with packages that are for one platform, each fault once."""
    platforms: dict[str, list[_Made]] = {}
    for each in made:
        platforms.setdefault(each[0].platform, []).append(each)
    found = ((*_places(packages), *_names(packages)) for packages in platforms.values())
    return dict.fromkeys(fault for faults in found for fault in faults)


def _places(packages: list[_Made]) -> Iterator[Fault]:
    """Tell which prefixes are those of others, or in them."""
    # A prefix that holds another stands before it, with none between but those that it holds too.
    ordered = sorted(packages, key=lambda each: (f"{_folded(each[0])}/", each[0].name))
    for number, (variant, resolved) in enumerate(ordered):
        for other, _ in reversed(ordered[:number]):
            inner = is_within(variant.prefix, other.prefix, variant.os)
            if inner and variant.name != other.name:  # of which names tell
                message = f"{variant.prefix} is {_where(variant, other)} {other.name} is installed"
                origin = resolved.merged.items[_PREFIX].origin
                yield Fault.at(origin, "nested-prefix", message, "give each package its own")
                break


def _folded(variant: Variant) -> str:
    return variant.prefix.casefold() if variant.os == "macos" else variant.prefix


def _where(variant: Variant, other: Variant) -> str:
    return "where" if _folded(variant) == _folded(other) else "in the directory where"


def _names(packages: list[_Made]) -> Iterator[Fault]:
    """Tell which services have a name that is one of another package, too."""
    known: dict[str, tuple[str, Origin]] = {
        recovery_name(variant.name): (variant.name, variant.origin)
        for variant, _ in packages
        if variant.service_manager
    }
    for variant, _ in sorted(packages, key=lambda each: each[0].name):
        for service in variant.services:
            name = service_name(variant.name, service.name)
            other, origin = known.setdefault(name, (variant.name, service.origin))
            if other != variant.name:
                message = f"the service is called {name}, and so is one of {other}"
                hint = "call one of them another name"
                related = ((origin, "the other one"),)
                yield Fault.at(service.origin, "duplicate-service", message, hint, related=related)
