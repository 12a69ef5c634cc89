"""Knows which units of systemd a Debian package brings, and where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.cache import equipped
from provisioning.artifact.unit import systemd_unit, unit_name, writable

if TYPE_CHECKING:
    from provisioning.artifact.manifest import Manifest
    from provisioning.artifact.package import Package

# Not /lib, which is a link to usr/lib since Debian 12, and where Debian 13 has no file any more.
DIRECTORY = "/usr/lib/systemd/system"


def has_systemd(package: Package) -> bool:
    """Whether systemd is what runs services where a package is installed."""
    return package.service_manager == "systemd"


def names(package: Package) -> list[str]:
    """What the units are called."""
    if not has_systemd(package):
        return []
    return [unit_name(package, service.name) for service in package.services]


def contents(manifest: Manifest) -> dict[str, str]:
    """The units by their names; the package lies in the prefix itself."""
    package = equipped(manifest.package, manifest.entries)
    data = writable(package, manifest.entries) if names(package) else ()
    spelt = (systemd_unit(package, each, package.prefix, data) for each in package.services)
    return dict(zip(names(package), spelt))
