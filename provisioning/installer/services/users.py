"""Knows the users that services run as, where no administrator has made them.

Whom this has made is noted beside the releases, so that a removal takes away no others.
"""

from __future__ import annotations

import grp
import pwd
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact.model.entry import STATE
from provisioning.errors import TargetError
from provisioning.installer.services import subprocesses
from provisioning.installer.store.durable import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.model.package import Package
    from provisioning.installer.store.prefix import Home

NOTE = f"{STATE}/users"
_PATIENCE = 60
_LOOKS, _PAUSE = 50, 0.1  # times, and seconds between them
_NEW = (
    *("useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"),
    *("--shell", "/usr/sbin/nologin"),
)


def wanted(package: Package) -> list[str]:
    """The users that services of a package run as, and who are not on this machine.

    Only where systemd runs them: macOS has no such command.
    """
    names = {each.user for each in package.services if each.user and not each.user.isdigit()}
    is_linux = package.service_manager == "systemd"
    return sorted(name for name in names if not _is_user(name)) if is_linux else []


def faults(package: Package) -> list[str]:
    """Tell which users and groups of services are not on this machine, and will not be made."""
    coming = wanted(package)
    users = {each.user for each in package.services if each.user} - {*coming}
    groups = {each.group for each in package.services if each.group} - {*coming}
    absent = [f"user {name}" for name in sorted(users) if not (name.isdigit() or _is_user(name))]
    absent += [
        f"group {name}" for name in sorted(groups) if not (name.isdigit() or _is_group(name))
    ]
    return [f"there is no {each} on this machine; create it first" for each in absent]


def make(home: Home, package: Package) -> list[str]:
    """Make them: their names. Raises TargetError."""
    made = wanted(package)
    for name in made:
        group = ["--gid", name] if _is_group(name) else ["--user-group"]
        command = [*_NEW, *group, "--comment", f"Services of {package.name}", name]
        subprocesses.run(command, _PATIENCE)
        home.directory.write(NOTE, _noted({*_made(home), name}), Owned(0o600))
    return made


def noted(home: Home) -> list[str]:
    """The users that were made for a package, and are still on this machine."""
    return [name for name in sorted(_made(home)) if _is_user(name)]


def remove(home: Home) -> list[str]:
    """Remove those that were made for a package; why one could not be."""
    faults = []
    for name in noted(home):
        _wait_for_the_last(pwd.getpwnam(name).pw_uid)
        try:
            subprocesses.run(["userdel", name], _PATIENCE)
        except TargetError as error:
            faults.append(str(error))
    if not faults:
        home.directory.remove(NOTE)
    return faults


def _wait_for_the_last(user: int) -> None:
    """Wait until no process of a user is left: one that was killed is there for a moment yet."""
    for _ in range(_LOOKS):
        if user not in _at_work():
            break
        time.sleep(_PAUSE)


def _at_work() -> Iterator[int]:
    """Whose processes there are: the real users of proc_pid_status(5), as userdel(8) looks."""
    for path in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # it has ended
            (line,) = (line for line in path.read_bytes().splitlines() if line[:4] == b"Uid:")
            yield int(line.split()[1])


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _made(home: Home) -> set[str]:
    return {*(home.directory.read(NOTE) or b"").decode(errors="replace").split()}


def _noted(names: set[str]) -> bytes:
    return "".join(f"{name}\n" for name in sorted(names)).encode()
