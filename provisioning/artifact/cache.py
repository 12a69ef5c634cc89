"""Knows where Python keeps the byte code of what a package runs: outside of its releases.

A service has a place of its own, since whoever can write byte code decides what whoever reads it
runs: its own user, and nobody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.bytecode import is_source
from provisioning.artifact.unit import CACHES, cache_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.artifact.entry import Entry
    from provisioning.artifact.package import Package, Service

VARIABLE = "PYTHONPYCACHEPREFIX"
_SAYS = {VARIABLE, "PYTHONDONTWRITEBYTECODE"}
"""Where a spec says one of these, it knows better."""


def has_sources(entries: Iterable[Entry]) -> bool:
    """Tell whether Python may write byte code of a package."""
    return any(map(is_source, entries))


def of_package(package: Package) -> str:
    """Where all byte code of a package's services lies."""
    return f"{CACHES}/{package.name}"


def equipped(package: Package, entries: Iterable[Entry]) -> Package:
    """The same package, whose services have Python keep byte code there."""
    if not package.services or not has_sources(entries):
        return package
    return package._replace(services=tuple(_equipped(package, each) for each in package.services))


def _equipped(package: Package, service: Service) -> Service:
    environment = dict(service.environment)
    if environment.keys() & _SAYS:
        return service
    environment[VARIABLE] = cache_of(package, service)
    return service._replace(environment=tuple(sorted(environment.items())))
