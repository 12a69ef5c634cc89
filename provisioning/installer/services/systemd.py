"""Runs the services of a package with systemd: systemctl(1), journalctl(1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioning.artifact.service_files import (
    check_name,
    mark,
    recovery_name,
    recovery_unit,
    systemd_unit,
    unit_name,
    writable,
)
from provisioning.errors import TargetError
from provisioning.installer.services import subprocesses
from provisioning.installer.services.subprocesses import ServiceFile, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package
    from provisioning.installer.store.durable import Directory

DIRECTORY = "usr/local/lib/systemd/system"  # guard: place-of-units
"""Where units lie: not where `systemctl mask` puts its link."""
FORMER = "etc/systemd/system"
"""Where older tools put units."""
WANTS = "etc/systemd/system/multi-user.target.wants"
SUFFIX = ".service"

# What systemd.unit(5) calls the unit search path, less the two above, and where scripts lie that
# systemd-sysv-generator(8) makes units of.
_OTHERS = (
    *("etc/systemd/system.control", "etc/systemd/system.attached"),
    *("lib/systemd/system", "usr/lib/systemd/system"),
    *(
        f"run/systemd/{each}"
        for each in (
            *("system.control", "transient", "generator.early", "system", "system.attached"),
            *("generator", "generator.late"),
        )
    ),
)
_SCRIPTS = "etc/init.d"
_ALIAS = re.compile(rb"^[ \t]*Alias[ \t]*=(.*)$", re.MULTILINE)

_QUICK = 30  # seconds that a question may take
_SLOW = 300  # a program may take long to stop
_PROPERTIES = ("ActiveState", "SubState", "MainPID", "NRestarts", "Result")
_RESTING = (
    *("ActiveState", "LoadState", "UnitFileState", "Restart"),
    *("ActiveExitTimestampMonotonic", "ExecMainExitTimestampMonotonic"),
    *("ExecMainCode", "ExecMainStatus"),
)
_RUNS = ("active", "activating", "reloading")


def name(package: Package, service: str) -> str:
    """Return the name of the unit of a service."""
    return unit_name(package, service)


def guard(package: Package) -> dict[str, ServiceFile]:
    """Return the unit that recovers at boot, by its name in `DIRECTORY`."""
    return {recovery_name(package): ServiceFile(recovery_unit(package).encode(), 0o644)}


def files(manifest: Manifest, values: Mapping[str, str]) -> dict[str, ServiceFile]:  # noqa: ARG001 - they are read from their file
    """Return the units of a package, by their names in `DIRECTORY`."""
    package, entries = manifest
    home = f"{package.prefix}/current"
    places = writable(package, entries) if package.services else ()
    units = {
        unit_name(package, each.name): systemd_unit(package, each, home, places)
        for each in package.services
    }
    return {
        **guard(package),
        **{at: ServiceFile(text.encode(), 0o644) for at, text in units.items()},
    }


def is_of(package: Package, data: bytes) -> bool:
    """Whether a unit was made for a package."""
    return data.startswith(mark(package).encode())


def is_mask(root: Directory, path: str) -> bool:
    """Whether an administrator has masked the unit at a path: systemctl(1)."""
    return root.leads(path) == "/dev/null" or root.read(path) == b""


def others(root: Directory, name: str) -> Iterator[str]:
    """Return where systemd finds a unit of that name that is from elsewhere."""
    for path in (*(f"{each}/{name}" for each in _OTHERS), f"{_SCRIPTS}/{name[: -len(SUFFIX)]}"):
        if root.status(path) and not (path.startswith("run/") and is_mask(root, path)):
            yield path


def aliases(root: Directory, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Return units that get one of these names when they are enabled, and which name.

    A link of that name, which `systemctl enable` makes, would go before ours.
    """
    for path in _said(root):
        data = root.read(path) or b""
        if b"Alias" in data:  # rare
            said = b" ".join(_ALIAS.findall(data.replace(b"\\\n", b" "))).split()
            yield from ((path, name) for name in names if name.encode() in said)


def _said(root: Directory) -> Iterator[str]:
    """The units of all services, and their drop-ins."""
    for place in (DIRECTORY, FORMER, *_OTHERS):
        for name in root.names(place):
            if name.endswith(SUFFIX):
                yield f"{place}/{name}"
            elif name.endswith(f"{SUFFIX}.d"):
                yield from (f"{place}/{name}/{each}" for each in root.names(f"{place}/{name}"))


def reload() -> None:
    """Make systemd read its units again. Raises TargetError."""
    subprocesses.run(["systemctl", "daemon-reload"], _QUICK)


def restart(names: list[str], directory: str) -> None:  # noqa: ARG001 - systemd knows where they are
    """Start services, or restart those that run. Raises TargetError."""
    try:
        subprocesses.run(["systemctl", "restart", *names], _SLOW)
    except TargetError as error:
        failed = next((each for each in names if state(each).active != "active"), names[0])
        raise TargetError(f"{error}{last_words(failed)}") from None


def stop(names: list[str]) -> None:
    """Stop the services that run. Raises TargetError."""
    for each in names:
        if state(each).active not in {"inactive", "failed"}:
            subprocesses.run(["systemctl", "stop", each], _SLOW)


def withhold(names: list[str]) -> None:
    """Cancel the start of services, for which the machine that is starting waits."""
    subprocesses.run(["systemctl", "--no-block", "stop", *names], _QUICK)


def go_on_later(package: Package, names: list[str], command: Sequence[str]) -> None:
    """Run a command of its own unit after these services, and do not wait. Raises TargetError."""
    unit = f"--unit={check_name(package)}"
    after = f"--property=After={' '.join(names)}"
    subprocesses.run(["systemd-run", "--no-block", unit, after, *command], _QUICK)


def state(name: str) -> State:
    """Return the state of a service. Raises TargetError."""
    said = _asked(name, _PROPERTIES)
    active, sub = said.get("ActiveState", ""), said.get("SubState", "")
    result = said.get("Result", "success")
    why = "" if result == "success" else f", result {result}"
    return State(active, int(said.get("MainPID") or 0), f"{active} ({sub}{why})")


def resting(names: list[str]) -> list[str]:
    """Return the services that somebody has stopped, disabled or masked. Raises TargetError."""
    return [name for name in names if _is_resting(_asked(name, _RESTING))]


def _is_resting(said: Mapping[str, str]) -> bool:
    """Whether a service is stopped, disabled or masked, by its properties."""
    if said.get("LoadState") == "masked":  # guard: masked-rests
        return True
    if said.get("ActiveState") in _RUNS or said.get("LoadState") != "loaded":
        return False
    return said.get("UnitFileState") == "disabled" or _was_stopped(said)


def _was_stopped(said: Mapping[str, str]) -> bool:
    """Whether a service that does not run was stopped, and has not ended by itself."""
    ended, left = (
        int(said.get(f"{each}TimestampMonotonic") or 0) for each in ("ExecMainExit", "ActiveExit")
    )
    # Stopping a unit first ends its state, and then its process. And a unit that systemd would
    # restart does not stay inactive.
    is_clean = (said.get("ExecMainCode"), said.get("ExecMainStatus")) == ("1", "0")
    policy = said.get("Restart")
    again = policy == "always" or (policy == "on-failure" and not is_clean)
    return 0 < left < ended or (again and ended > 0)  # guard: waiting-rests


def _asked(name: str, properties: Iterable[str]) -> dict[str, str]:
    told = subprocesses.run(
        ["systemctl", "show", f"--property={','.join(properties)}", name], _QUICK
    )
    return dict(line.split("=", 1) for line in told.splitlines() if "=" in line)


def last_words(name: str) -> str:
    """Return the last output of a service, to be added to a message."""
    command = ["journalctl", f"_SYSTEMD_UNIT={name}", "--lines=1", "--output=cat", "--quiet"]
    try:
        said = subprocesses.first_line(subprocesses.asked(command, _QUICK))
    except TargetError:
        return ""
    return f"; its last output: {said}" if said else ""
