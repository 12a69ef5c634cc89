"""The files from which systemd and launchd run the services of a package.

See systemd.unit(5) and systemd.service(5). `%`, quotes and backslashes are escaped
(systemd.syntax(7)), and so is `$`: `exec` expands no variables on any service manager.
"""

from __future__ import annotations

import plistlib
import re
from typing import TYPE_CHECKING, Any

from provisioning.artifact.model import placement
from provisioning.artifact.model.entry import DEVICE, DIR, STATE, TRANSACTION, UNCOMPILED
from provisioning.artifact.model.package import words
from provisioning.artifact.model.service import launchd_keys, systemd_lines
from provisioning.console import NO_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from provisioning.artifact.model.package import Package
    from provisioning.artifact.model.placement import Placed
    from provisioning.artifact.model.service import Service

BOOT = "PROVISIONING_BOOT"
"""Set at boot, when an interrupted installation is finished or undone before services start."""

_RESTARTS = {"on-failure": "on-failure", "always": "always", "never": "no"}
_ROOT = ("root", "0")
_HOMES = ("/home/", "/root/", "/run/user/")  # what ProtectHome= hides
_PLAIN = re.compile(r"[\w@+=:,./-]+", re.ASCII)
_CONTROL = re.compile(f"[\x00-\x1f\x7f-\x9f{NO_CHARACTERS}]+")

# What no service of a package needs, and an intruder would like. Not PrivateDevices=, and nothing
# that implies DeviceAllow= (ProtectClock=): GPIO, I2C, serial lines and cameras are devices, which
# a service reaches by its groups.
_HARDENING = (
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "PrivateTmp=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "LockPersonality=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "UMask=0027",
)


def unit_name(package: Package, service: str) -> str:
    """The name of a service's unit: the package's if the service has its name."""
    return unit_of(package.name, service)


def unit_of(package: str, service: str) -> str:
    """The same for a package of which only the name is known."""
    return f"{_escaped(placement.service_name(package, service))}.service"


def service_name(package: Package, service: str) -> str:
    """The name of a service on the machine, distinct from those of other packages."""
    return placement.service_name(package.name, service)


def mark(package: Package) -> str:
    """The beginning of each unit of a package, in every version."""
    return f"# Made by provision, of {package.name} "


def recovery_name(package: Package) -> str:
    """The name of `recovery_unit`."""
    return f"{_escaped(placement.recovery_name(package.name))}.service"


def check_name(package: Package) -> str:
    """The name of the unit that runs for a moment when a prepared machine has started first."""
    return f"{_escaped(f'provision-check-{package.name}')}.service"


def writable(package: Package, entries: Iterable[Placed]) -> tuple[str, ...]:
    """The directories in which a service may write: those that are empty in its package."""
    entries = tuple(entries)
    filled = {entry.path.rpartition("/")[0] for entry in entries}
    return tuple(
        f"{package.prefix}/{entry.path}"
        for entry in entries
        if entry.type == DIR and entry.path not in filled
    )


def systemd_unit(package: Package, service: Service, home: str, writable: Iterable[str]) -> str:
    """The unit of a service whose package lies in `home`: the prefix, or `current` in it."""
    return "\n".join(
        [
            *_comment(package, unit_name(package, service.name)),
            "[Unit]",
            f"Description={_description(package, service)}",
            *_order(service),
            # Nobody is there to restart it on a device that has stopped trying.
            *_unless_said(service, "StartLimitIntervalSec=0"),
            *systemd_lines(service, "Unit"),
            "",
            "[Service]",
            # First, so that an empty value, which takes back a list, takes back nothing of ours.
            *systemd_lines(service, "Service"),
            "Type=exec",
            *_program(package, service, home),
            "",
            *_unless_said(service, *_HARDENING),
            *_bounds(package, service, writable),
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        ]
    )


def _order(service: Service) -> Iterator[str]:
    yield "After=network.target"
    if service.after:
        yield f"After={' '.join(service.after)}"
    if service.wants:
        yield f"Wants={' '.join(service.wants)}"


def _unless_said(service: Service, *lines: str) -> Iterator[str]:
    """The lines whose keys `extra` does not say: these are only what is usual."""
    said = {key for key, _ in service.extra}
    yield from (line for line in lines if line.partition("=")[0] not in said)


def recovery_unit(package: Package) -> str:
    """The unit that finishes or undoes an interrupted installation at the next boot.

    It also compiles what an installation into another machine's disk could not.
    """
    prefix, state = package.prefix, f"{package.prefix}/{STATE}"
    services = " ".join(unit_name(package, service.name) for service in package.services)
    command = [f"{state}/tool", "recover", "--prefix", prefix]
    return "\n".join(
        [
            *_comment(package, recovery_name(package)),
            "[Unit]",
            f"Description=Finish or undo an interrupted installation of {_text(package.name)}",
            f"RequiresMountsFor={_word(prefix)}",
            *(
                f"ConditionPathExists=|{_text(f'{prefix}/{each}')}"  # any of them
                for each in (TRANSACTION, UNCOMPILED)
            ),
            *([f"Before={services}"] if services else []),
            "",
            "[Service]",
            "Type=oneshot",
            f"Environment={BOOT}=1",
            f"ExecStart={' '.join(map(_argument, command))}",
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        ]
    )


def _description(package: Package, service: Service) -> str:
    # The author's text is not at the end, where a backslash would continue the line.
    return f"{_text(package.summary)} ({service.name})" if package.summary else service.name


def _comment(package: Package, name: str) -> list[str]:
    return [
        f"{mark(package)}{package.version}. It will be overwritten;",
        f"# use `systemctl edit {name}` for your changes.",
    ]


def _program(package: Package, service: Service, home: str) -> Iterator[str]:
    program, *arguments = words(service.exec)
    command = [f"{home}/{program}", *arguments]
    yield f"ExecStart={' '.join(map(_argument, command))}"
    # systemd does not unquote it, and no path ends in a backslash, which would continue the line.
    # It drops blanks at the end, and also a dot after a slash.
    directory = f"{home}/{service.directory}".rstrip("/")
    # guard: directory-that-ends-in-a-blank
    yield f"WorkingDirectory={_text(directory)}{'/.' if directory.endswith(' ') else ''}"
    if service.user:
        yield f"User={service.user}"
    if service.group:
        yield f"Group={service.group}"
    if service.groups:
        yield f"SupplementaryGroups={' '.join(service.groups)}"
    for name, value in service.environment:
        yield f"Environment={_word(f'{name}={value}')}"
    if package.device:
        yield f"EnvironmentFile={_text(f'{package.prefix}/{DEVICE}')}"
    yield f"Restart={_RESTARTS[service.restart]}"
    yield from _unless_said(service, "RestartSec=5")
    yield f"SyslogIdentifier={_text(service.name)}"
    if service.nice:
        yield f"Nice={service.nice}"
    if service.memory_max:
        yield f"MemoryMax={service.memory_max}"
    if service.cpu_quota:
        yield f"CPUQuota={service.cpu_quota}"


def _bounds(package: Package, service: Service, writable: Iterable[str]) -> Iterator[str]:
    """The restrictions that depend on the prefix and on the service's user."""
    is_home = f"{package.prefix}/".startswith(_HOMES)
    yield from _unless_said(service, f"ProtectHome={'read-only' if is_home else 'yes'}")
    if service.user and service.user not in _ROOT:
        yield from _unless_said(service, "CapabilityBoundingSet=")
    for path in writable:
        yield f"ReadWritePaths={_word(f'-{path}')}"


def _argument(word: str) -> str:
    return _word(word).replace("$", "$$")


def _word(word: str) -> str:
    if _PLAIN.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_text(escaped)}"'


def _text(text: str) -> str:
    return _CONTROL.sub(" ", text).replace("%", "%%")


def _escaped(name: str) -> str:
    """A name as systemd-escape(1) escapes it, of the characters that a package's may have."""
    return name.replace("+", r"\x2b").replace("~", r"\x7e")


_KEEP_ALIVE = {"always": True, "on-failure": {"SuccessfulExit": False}, "never": False}
_THROTTLE = 5  # seconds between two starts, as a unit of systemd has
_UMASK = 0o027


def label(package: Package, service: str) -> str:
    """The label of a service in launchd; its property list is a file of this name and `.plist`."""
    return f"provisioning.{service_name(package, service)}"


def recovery_label(package: Package) -> str:
    """The label of `recovery_plist`."""
    return f"provisioning-recover.{package.name}"


def launchd_plist(
    package: Package, service: Service, home: str, values: Mapping[str, str]
) -> bytes:
    """The property list of a service whose package lies in `home`.

    launchd reads no file of environment variables: those of the device are `values`, and the file
    to which this is written must be readable by nobody else.
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
    return _spelt({**described, **launchd_keys(service)})


def recovery_plist(package: Package) -> bytes:
    """The property list that finishes or undoes an interrupted installation at boot."""
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
