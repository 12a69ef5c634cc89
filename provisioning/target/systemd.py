"""Knows how systemd is asked to run the services of a package: systemctl(1), journalctl(1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.unit import (
    mark,
    recovery_name,
    recovery_unit,
    systemd_unit,
    unit_name,
    writable,
)
from provisioning.errors import TargetError
from provisioning.target import system
from provisioning.target.manager import File, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioning.artifact.manifest import Manifest
    from provisioning.artifact.package import Package

DIRECTORY = "etc/systemd/system"
WANTS = f"{DIRECTORY}/multi-user.target.wants"
SUFFIX = ".service"

_QUICK = 30  # seconds that a question may take
_SLOW = 300  # a program may take long to stop
_PROPERTIES = ("ActiveState", "SubState", "MainPID", "NRestarts", "Result")


def name(package: Package, service: str) -> str:
    """What systemd calls a service."""
    return unit_name(package, service)


def guard(package: Package) -> dict[str, File]:
    """What has to be there before anything is changed, by its name in `DIRECTORY`."""
    return {recovery_name(package): File(recovery_unit(package).encode(), 0o644)}


def files(manifest: Manifest, values: Mapping[str, str]) -> dict[str, File]:  # noqa: ARG001 - they are read from their file
    """The units of a package, by their names in `DIRECTORY`."""
    package, entries = manifest
    home = f"{package.prefix}/current"
    places = writable(package, entries) if package.services else ()
    units = {
        unit_name(package, each.name): systemd_unit(package, each, home, places)
        for each in package.services
    }
    return {**guard(package), **{at: File(text.encode(), 0o644) for at, text in units.items()}}


def is_of(package: Package, data: bytes) -> bool:
    """Tell whether a unit was made for a package."""
    return data.startswith(mark(package).encode())


def reload() -> None:
    """Have systemd read its units again. Raises TargetError."""
    system.run(["systemctl", "daemon-reload"], _QUICK)


def restart(names: list[str], directory: str) -> None:  # noqa: ARG001 - it knows where they are
    """Start services, or stop them first where they run. Raises TargetError."""
    try:
        system.run(["systemctl", "restart", *names], _SLOW)
    except TargetError as error:
        failed = next((each for each in names if state(each).active != "active"), names[0])
        raise TargetError(f"{error}{last_words(failed)}") from None


def stop(names: list[str]) -> None:
    """Stop services, those that run. Raises TargetError."""
    for each in names:
        if state(each).active not in {"inactive", "failed"}:
            system.run(["systemctl", "stop", each], _SLOW)


def state(name: str) -> State:
    """How a service is. Raises TargetError."""
    properties = ",".join(_PROPERTIES)
    told = system.run(["systemctl", "show", f"--property={properties}", name], _QUICK)
    said = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    active, sub = said.get("ActiveState", ""), said.get("SubState", "")
    result = said.get("Result", "success")
    why = "" if result == "success" else f", result {result}"
    return State(active, int(said.get("MainPID") or 0), f"{active} ({sub}{why})")


def last_words(name: str) -> str:
    """What a service has said last, as an addition to a fault."""
    command = ["journalctl", f"_SYSTEMD_UNIT={name}", "--lines=1", "--output=cat", "--quiet"]
    try:
        said = system.first_line(system.asked(command, _QUICK))
    except TargetError:
        return ""
    return f"; it said last: {said}" if said else ""
