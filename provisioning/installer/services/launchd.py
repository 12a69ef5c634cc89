"""Knows how launchd is asked to run the services of a package: launchctl(1).

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
    """What the property list of a service is called."""
    return f"{label(package, service)}{SUFFIX}"


def guard(package: Package) -> dict[str, ServiceFile]:
    """What has to be there before anything is changed, by its name in `DIRECTORY`."""
    return {f"{recovery_label(package)}{SUFFIX}": ServiceFile(recovery_plist(package), 0o644)}


def files(manifest: Manifest, values: Mapping[str, str]) -> dict[str, ServiceFile]:
    """The property lists of a package, by their names in `DIRECTORY`."""
    package = manifest.package
    home = f"{package.prefix}/current"
    lists = {
        name(package, each.name): launchd_plist(package, each, home, values)
        for each in package.services
    }
    mode = 0o600 if values else 0o644
    return {**guard(package), **{at: ServiceFile(data, mode) for at, data in lists.items()}}


def is_of(package: Package, data: bytes) -> bool:
    """Tell whether a property list was made for a package: it runs what lies in its prefix."""
    try:
        described: Any = plistlib.loads(data)
        program = described["ProgramArguments"][0]
    except (ValueError, LookupError, TypeError, ExpatError):
        return False
    return isinstance(program, str) and program.startswith(f"{package.prefix}/")


def is_mask(root: Directory, path: str) -> bool:  # noqa: ARG001 - launchd notes it elsewhere
    """No: what is disabled says launchctl(1)."""
    return False


def others(root: Directory, name: str) -> Iterator[str]:
    """Where launchd finds that label in a property list of another name or place."""
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
    if wanted.encode() not in data:  # as of nearly all
        return False
    try:
        described: Any = plistlib.loads(data)
        return bool(described["Label"] == wanted)
    except (ValueError, LookupError, TypeError, ExpatError):
        return False


def reload() -> None:
    """Nothing: launchd reads a property list when it is told to start by it."""


def letting_go(name: str) -> list[str]:
    """The command that stops a service, and forgets it."""
    return ["launchctl", "bootout", f"{_DOMAIN}/{_label(name)}"]


def taking_up(name: str, directory: str) -> list[str]:
    """The command that starts a service by its property list."""
    return ["launchctl", "bootstrap", _DOMAIN, f"{directory}/{name}"]


def asking(name: str) -> list[str]:
    """The command that tells how a service is; it fails where launchd has none."""
    return ["launchctl", "list", _label(name)]


def restart(names: list[str], directory: str) -> None:
    """Start services, or stop them first where they run. Raises TargetError."""
    stop(names)
    for each in names:
        _take_up(taking_up(each, directory))


def stop(names: list[str]) -> None:
    """Stop services, those that launchd has. Raises TargetError."""
    for each in names:
        if subprocesses.asked(asking(each), _PATIENCE):
            subprocesses.run(letting_go(each), _PATIENCE)


def disabling() -> list[str]:
    """The command that tells which services somebody has disabled."""
    return ["launchctl", "print-disabled", _DOMAIN]


def resting(names: list[str]) -> list[str]:
    """Which services somebody has stopped, by bootout, or disabled. Raises TargetError."""
    disabled = told_disabled(subprocesses.asked(disabling(), _PATIENCE))
    return [
        name
        for name in names
        if _label(name) in disabled or not subprocesses.asked(asking(name), _PATIENCE)
    ]


def told_disabled(said: str) -> set[str]:
    """The labels that are disabled, of which `disabling` has told so."""
    return {*_DISABLED.findall(said)}


def state(name: str) -> State:
    """How a service is. Raises TargetError."""
    return told(subprocesses.asked(asking(name), _PATIENCE))


def told(said: str) -> State:
    """How a service is, of which `asking` has told so."""
    pid, status = _PID.search(said), _STATUS.search(said)
    if pid:
        return State("active", int(pid[1]), "running")
    if not said:
        return State("unknown", 0, "not known to launchd")
    ended = int(status[1]) if status else 0
    return State("failed" if ended else "inactive", 0, f"not running, ended with {ended}")


def last_words(name: str) -> str:
    """Where a service says what it says, as an addition to a fault."""
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
