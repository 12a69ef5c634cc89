"""The users that services run as: who is missing, who can be created, and what they can reach.

A note beside the releases says which users this program created: a removal removes no others. In
the root of a machine that does not run, they are declared to sysusers.d(5): systemd-sysusers(8)
creates them there and then, or else when the machine starts first.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
import time
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.model.entry import DIR, LINK, STATE, shown
from provisioning.artifact.model.package import words
from provisioning.artifact.model.placement import RELEASES
from provisioning.artifact.model.service import STATE_DIRECTORY, groups_of
from provisioning.errors import RefusedError, TargetError
from provisioning.installer.services import subprocesses
from provisioning.installer.store import owners
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.prefix import reached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.model.package import Package
    from provisioning.artifact.model.service import Service
    from provisioning.installer.store.owners import Accounts
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

NOTE = f"{STATE}/users"
SYSUSERS = "usr/local/lib/sysusers.d"
"""Where users are declared, of which a machine that does not run will have need."""

_ROOT = "root"
_PATIENCE = 60
_LOOKS, _PAUSE = 50, 0.1  # times, and seconds between them
_HOME, _SHELL = "/nonexistent", "/usr/sbin/nologin"
_NEW = (
    *("useradd", "--system", "--no-create-home", "--home-dir", _HOME),
    *("--shell", _SHELL),
)


def wanted(package: Package, accounts: Accounts) -> list[str]:
    """Return the users that services of a package run as, and that the machine does not have.

    Only for systemd: macOS has no command that creates users.
    """
    names = {each.user for each in package.services if each.user and not each.user.isdigit()}
    is_linux = package.service_manager == "systemd"
    return sorted(name for name in names if not accounts.user(name)) if is_linux else []


def faults(home: Home, package: Package) -> list[str]:
    """Return which users and groups of services are missing, and will not be created."""
    accounts = owners.accounts(home.root)
    coming = wanted(package, accounts)
    users = {each.user for each in package.services if each.user} - {*coming}
    named = {name for each in package.services for name in (each.group, *each.groups)}
    groups = named - {*coming, ""}  # guard: group-that-is-not-there
    absent = [f"user {name}" for name in sorted(users) if not accounts.user(name)]
    absent += [f"group {name}" for name in sorted(groups) if not accounts.group(name)]
    where = f"in {home.root}" if home.is_image else "on this machine"
    return [f"there is no {each} {where}; create it first" for each in absent]


def make(home: Home, package: Package) -> list[str]:
    """Create the missing users of a package, and return their names. Raises TargetError."""
    made = wanted(package, owners.accounts(home.root))
    if home.is_image:
        return _make_in_image(home, package, made)
    declared = _declared(home) if made else ""
    if declared:
        _note(home, made)
        subprocesses.run(["systemd-sysusers", declared], _PATIENCE)
    for name in wanted(package, owners.accounts(home.root)):
        group = ["--gid", name] if _is_group(name) else ["--user-group"]
        others = groups_of(package.services, name)
        member = ["--groups", ",".join(others)] if others else []
        comment = ["--comment", f"Services of {package.name}"]
        command = [*_NEW, *group, *member, *comment, name]
        subprocesses.run(command, _PATIENCE)
        _note(home, [name])
    return made


def can_create() -> bool:
    """Whether this machine can create users in the root of another."""
    return subprocesses.has("systemd-sysusers")


def _note(home: Home, made: list[str]) -> None:
    text = "".join(f"{name}\n" for name in sorted({*_created(home), *made}))
    home.directory.write(NOTE, text.encode(), Owned(0o600))


def _make_in_image(home: Home, package: Package, wanted: list[str]) -> list[str]:
    """Declare users, and create them if this machine can; returns those that have a number now."""
    if not wanted:
        return []
    _note(home, wanted)
    file = f"provisioning-{package.name}.conf"
    lines = [f'u {name} - "Services of {package.name}" {_HOME} {_SHELL}\n' for name in wanted]
    for name in wanted:
        lines += [f"m {name} {group}\n" for group in groups_of(package.services, name)]
    with reached(home.root, SYSUSERS, package.name, make=True) as directory:
        data = f"{_mark(home)}{''.join(lines)}".encode()
        directory.write(file, data, Owned(0o644))
    with suppress(TargetError):  # as on a Mac: then the first start creates them
        # By its name alone: not every version looks for a path below the root.
        subprocesses.run(["systemd-sysusers", f"--root={home.root}", file], _PATIENCE)
    known = owners.accounts(home.root)
    return [name for name in wanted if known.user(name)]


def _declared(home: Home) -> str:
    """The name of the file that declares the users of a package; "" if there is none."""
    with suppress(FileNotFoundError, RefusedError), reached(home.root, SYSUSERS) as directory:
        for name in directory.names(""):
            if (directory.read(name) or b"").startswith(_mark(home).encode()):
                return name
    return ""


def _mark(home: Home) -> str:
    return f"# Made by provision: the users of the services in {home.prefix}.\n"


def noted(home: Home) -> list[str]:
    """Return the users that were created for a package, and still exist."""
    known = owners.accounts(home.root)
    return [name for name in sorted(_created(home)) if known.user(name)]


def remove(home: Home) -> list[str]:
    """Remove the users that were created for a package; returns why one could not be removed."""
    faults, where = [], [f"--prefix={home.root}"] if home.is_image else []
    declared = _declared(home)
    if declared:
        with reached(home.root, SYSUSERS) as directory:
            directory.remove(declared)
    for name in noted(home):
        if not home.is_image:
            _wait_for_processes(pwd.getpwnam(name).pw_uid)
        try:
            subprocesses.run(["userdel", *where, name], _PATIENCE)
        except TargetError as error:
            faults.append(str(error))
    if not faults:
        home.directory.remove(NOTE)
    return faults


def _wait_for_processes(user: int) -> None:
    """Wait until a user has no process left: one that was killed is there for a moment yet."""
    for _ in range(_LOOKS):
        if user not in _with_processes():
            break
        time.sleep(_PAUSE)


def _with_processes() -> Iterator[int]:
    """The real users of all processes, from proc_pid_status(5), where userdel(8) looks, too."""
    for path in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # it has ended
            (line,) = (line for line in path.read_bytes().splitlines() if line[:4] == b"Uid:")
            yield int(line.split()[1])


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _has_group(group: str) -> bool:
    return group.isdigit() or (group != "" and _is_group(group))


def _created(home: Home) -> set[str]:
    return {*(home.directory.read(NOTE) or b"").decode(errors="replace").split()}


def identity(service: Service) -> dict[str, Any]:
    """Return who runs a service, as arguments of Popen; nothing if it is the running user."""
    if os.geteuid() != 0 or not (service.user or service.group or service.groups):
        return {}
    user, group, groups = 0, 0, list[int]()
    if service.user:
        known = _known(service.user)
        if known is None and not service.user.isdigit():
            raise TargetError(f"there is no user {service.user}")
        user = group = known.pw_uid if known else int(service.user)
        if known:
            group = known.pw_gid
            groups = os.getgrouplist(known.pw_name, group)
    if service.group:
        group = _group_number(service.group)
    groups += map(_group_number, service.groups)
    return {"user": user, "group": group, "extra_groups": groups}


def _group_number(group: str) -> int:
    try:
        return int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise TargetError(f"there is no group {group}") from None


def _known(user: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except KeyError:
        return None


class _User(NamedTuple):
    """Who runs a service."""

    name: str
    number: int
    """-1 for one who will be created, and owns nothing yet."""
    groups: frozenset[int]

    def may_enter(
        self, mode: int, owner: int, group: int, entries: tuple[owners.AclEntry, ...] = ()
    ) -> bool:
        """Whether the user may enter a directory, or run a program, by the rules of acl(5)."""
        if self.number == owner:
            return bool(mode & stat.S_IXUSR)
        for kind, who, rights in entries:
            if (kind, who) == (owners.USER, self.number):
                return bool(rights & owners.RUN)
        of_groups = [
            rights
            for kind, who, rights in entries
            if (kind == owners.GROUP and who in self.groups)
            or (kind == owners.OWNING and group in self.groups)
        ]
        if of_groups:
            return any(rights & owners.RUN for rights in of_groups)
        by_group = group in self.groups and not entries
        return bool(mode & (stat.S_IXGRP if by_group else stat.S_IXOTH))  # guard: open-to-a-group


def strangers(package: Package) -> Iterator[str]:
    """Say which directories of state belong to another than who runs the service now.

    A release with another user finds what the one before has left: data are left as they are.
    """
    for service in package.services:
        path = dict(service.environment).get(STATE_DIRECTORY)
        known = _known(service.user or _ROOT)
        if path and known and os.geteuid() == 0:
            with suppress(OSError):
                owner = os.stat(path).st_uid
                if owner != known.pw_uid:
                    told = f"belongs to {owners.name_of(owner)}, and {service.name} runs as"
                    name = known.pw_name
                    yield f"{shown(path)}: {told} {name}; run `chown -R {name} {quote(path)}`"


def unreachable(home: Home, release: Release) -> Iterator[str]:
    """Say which programs of services their users cannot reach, and how to change that.

    Somebody may have made the prefix before, or the directory above, and closed it to others.
    """
    for service in release.package.services:
        known = _known(service.user) if service.user else None
        named = [name for name in (service.group, *service.groups) if _has_group(name)]
        groups = frozenset(map(_group_number, named))
        if known:
            groups |= {*os.getgrouplist(known.pw_name, known.pw_gid)}
            user = _User(service.user, known.pw_uid, groups)
        else:
            number = int(service.user) if service.user.isdigit() else -1 if service.user else 0
            user = _User(service.user, number, groups)
        program = words(service.exec)[0]
        closed = next(_closed(home, release, program, user), None) if user.number else None
        if closed:
            where, mode = closed
            text = f"its mode {mode:04o} keeps out the user {user.name}, who runs {shown(program)}"
            yield f"{shown(where)}: {text}; `chmod a+x` it"


def _closed(home: Home, release: Release, program: str, user: _User) -> Iterator[tuple[str, int]]:
    """What on the way to a program is closed to a user, and its mode."""
    last = home.path / RELEASES
    for way in (*reversed(last.parents), last):
        try:
            status = way.stat()
        except FileNotFoundError:
            break  # it will be made, and open
        known = status.st_mode, status.st_uid, status.st_gid
        if not user.may_enter(*known, owners.entries(way)):
            yield str(way), stat.S_IMODE(status.st_mode)
    if user.number < 0:
        return  # it is not known yet what they will own
    for entry in release.layout.release:
        on_the_way = entry.type == DIR and program.startswith(f"{entry.path}/")
        is_program = entry.path == program and entry.type != LINK
        if (on_the_way or is_program) and not user.may_enter(
            entry.mode, int(entry.owner), int(entry.group)
        ):
            yield entry.path, entry.mode
