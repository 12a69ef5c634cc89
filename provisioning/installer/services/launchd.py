"""Runs the services of a package with launchd: launchctl(1).

The commands are those of macOS 10.11 and later, of which that page says which replace which.
"""

from __future__ import annotations

import plistlib
import re
import time
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

from provisioning.artifact.service_files import label, launchd_plist, recovery_label, recovery_plist
from provisioning.errors import TargetError
from provisioning.installer.services import subprocesses
from provisioning.installer.services.subprocesses import ServiceFile, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package
    from provisioning.installer.store.durable import Directory

DIRECTORY = "Library/LaunchDaemons"
FORMER = ""
WANTS = ""  # what lies in the directory is started with the machine
SUFFIX = ".plist"

_OTHERS = (DIRECTORY, "System/Library/LaunchDaemons")
_DOMAIN = "system"
_PATIENCE = 120
_TRIES = 5  # launchd is still busy with a service that it was told to let go
_DISABLED = re.compile(r'^\s*"(.+)" => (?:disabled|true)$', re.MULTILINE)
_PID = re.compile(r'^\s*"PID" = ([0-9]+);$', re.MULTILINE)
_STATUS = re.compile(r'^\s*"LastExitStatus" = (-?[0-9]+);$', re.MULTILINE)


def name(package: Package, service: str) -> str:
    """Return the name of the property list of a service."""
    return f"{label(package, service)}{SUFFIX}"


def guard(package: Package) -> dict[str, ServiceFile]:
    """Return the property list that recovers at boot, by its name in `DIRECTORY`."""
    return {f"{recovery_label(package)}{SUFFIX}": ServiceFile(recovery_plist(package), 0o644)}


def files(manifest: Manifest, values: Mapping[str, str]) -> dict[str, ServiceFile]:
    """Return the property lists of a package, by their names in `DIRECTORY`."""
    package = manifest.package
    home = f"{package.prefix}/current"
    lists = {
        name(package, each.name): launchd_plist(package, each, home, values)
        for each in package.services
    }
    mode = 0o600 if values else 0o644
    return {**guard(package), **{at: ServiceFile(data, mode) for at, data in lists.items()}}


def is_of(package: Package, data: bytes) -> bool:
    """Whether a property list was made for a package: it runs a program below its prefix."""
    try:
        described: Any = plistlib.loads(data)
        program = described["ProgramArguments"][0]
    except (ValueError, LookupError, TypeError, ExpatError):
        return False
    return isinstance(program, str) and program.startswith(f"{package.prefix}/")


def is_mask(root: Directory, path: str) -> bool:  # noqa: ARG001 - launchd notes it elsewhere
    """No: `launchctl print-disabled` says what is disabled."""
    return False


def others(root: Directory, name: str) -> Iterator[str]:
    """Return where launchd finds that label in a property list of another name or place."""
    wanted = _label(name)
    for place in _OTHERS:
        for each in root.names(place):
            path = f"{place}/{each}"
            # guard: label-of-another
            if path != f"{DIRECTORY}/{name}" and _says_label(root.read(path) or b"", wanted):
                yield path


def aliases(root: Directory, names: Collection[str]) -> Iterator[tuple[str, str]]:  # noqa: ARG001 - a service has one label
    """None: see `others`."""
    return iter(())


def _says_label(data: bytes, wanted: str) -> bool:
    if wanted.encode() not in data:  # nearly always
        return False
    try:
        described: Any = plistlib.loads(data)
        return bool(described["Label"] == wanted)
    except (ValueError, LookupError, TypeError, ExpatError):
        return False


def reload() -> None:
    """Do nothing: launchd reads a property list when it bootstraps it."""


def letting_go(name: str) -> list[str]:
    """Return the command that stops and unloads a service."""
    return ["launchctl", "bootout", f"{_DOMAIN}/{_label(name)}"]


def taking_up(name: str, directory: str) -> list[str]:
    """Return the command that starts a service by its property list."""
    return ["launchctl", "bootstrap", _DOMAIN, f"{directory}/{name}"]


def asking(name: str) -> list[str]:
    """Return the command that prints the state of a service; it fails if there is none."""
    return ["launchctl", "list", _label(name)]


def restart(names: list[str], directory: str) -> None:
    """Start services, or restart those that run. Raises TargetError."""
    stop(names)
    for each in names:
        _take_up(taking_up(each, directory))


def stop(names: list[str]) -> None:
    """Stop the services that launchd has loaded. Raises TargetError."""
    for each in names:
        if subprocesses.asked(asking(each), _PATIENCE):
            subprocesses.run(letting_go(each), _PATIENCE)


def disabling() -> list[str]:
    """Return the command that prints which services somebody has disabled."""
    return ["launchctl", "print-disabled", _DOMAIN]


def resting(names: list[str]) -> list[str]:
    """Return the services that somebody has disabled, or booted out. Raises TargetError."""
    disabled = told_disabled(subprocesses.asked(disabling(), _PATIENCE))
    return [
        name
        for name in names
        if _label(name) in disabled or not subprocesses.asked(asking(name), _PATIENCE)
    ]


def told_disabled(said: str) -> set[str]:
    """Return the disabled labels, from the output of `disabling`."""
    return {*_DISABLED.findall(said)}


def state(name: str) -> State:
    """Return the state of a service. Raises TargetError."""
    return told(subprocesses.asked(asking(name), _PATIENCE))


def told(said: str) -> State:
    """Return the state of a service, from the output of `asking`."""
    pid, status = _PID.search(said), _STATUS.search(said)
    if pid:
        return State("active", int(pid[1]), "running")
    if not said:
        return State("unknown", 0, "not known to launchd")
    ended = int(status[1]) if status else 0
    return State("failed" if ended else "inactive", 0, f"not running, ended with {ended}")


def last_words(name: str) -> str:
    """Return where the output of a service is, to be added to a message."""
    return f"; its output is in /var/log/{_label(name)}.log"


def _label(name: str) -> str:
    return name[: -len(SUFFIX)]


def _take_up(command: list[str]) -> None:
    for _ in range(_TRIES - 1):
        try:
            subprocesses.run(command, _PATIENCE)
        except TargetError:
            time.sleep(1)
        else:
            return
    subprocesses.run(command, _PATIENCE)
