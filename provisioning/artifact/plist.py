"""Knows the property lists that launchd runs a package's services by: launchd.plist(5)."""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING, Any

from provisioning.artifact.package import words
from provisioning.artifact.path import STATE
from provisioning.artifact.unit import service_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioning.artifact.package import Package, Service

_KEEP_ALIVE = {"always": True, "on-failure": {"SuccessfulExit": False}, "never": False}
_THROTTLE = 5  # seconds between two starts, as a unit of systemd has
_UMASK = 0o027


def label(package: Package, service: str) -> str:
    """What launchd calls a service; its property list is a file of this name and `.plist`."""
    return f"provisioning.{service_name(package, service)}"


def recovery_label(package: Package) -> str:
    """What launchd calls what `recovery_plist` describes."""
    return f"provisioning-recover.{package.name}"


def launchd_plist(
    package: Package, service: Service, home: str, values: Mapping[str, str]
) -> bytes:
    """Spell the property list of a service whose package lies in `home`.

    launchd reads no file of environment variables: those of the device are `values`, and whoever
    writes this to a file lets nobody else read it.
    """
    program, *arguments = words(service.exec)
    name = label(package, service.name)
    described: dict[str, Any] = {
        "Label": name,
        "ProgramArguments": [f"{home}/{program}", *arguments],
        "WorkingDirectory": f"{home}/{service.directory}".rstrip("/"),
        "RunAtLoad": True,
        "KeepAlive": _KEEP_ALIVE[service.restart],
        "ThrottleInterval": _THROTTLE,
        "ProcessType": "Standard",
        "Umask": _UMASK,
        "StandardOutPath": f"/var/log/{name}.log",
        "StandardErrorPath": f"/var/log/{name}.log",
    }
    environment = {**dict(service.environment), **values}
    said = {
        "UserName": service.user,
        "GroupName": service.group,
        "EnvironmentVariables": environment,
    }
    described.update({key: value for key, value in said.items() if value})
    return _spelt(described)


def recovery_plist(package: Package) -> bytes:
    """Spell what finishes or undoes an interrupted installation when the machine has started."""
    command = [f"{package.prefix}/{STATE}/tool", "recover", "--prefix", package.prefix]
    return _spelt(
        {
            "Label": recovery_label(package),
            "ProgramArguments": command,
            "RunAtLoad": True,
        }
    )


def _spelt(described: dict[str, Any]) -> bytes:
    return plistlib.dumps(described, fmt=plistlib.FMT_XML, sort_keys=True)
