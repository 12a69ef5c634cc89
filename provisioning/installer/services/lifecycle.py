"""Knows whether the user of a service can reach its program, by the modes of what is on the way.

Somebody may have made a prefix before, or the directory above, and closed it to others.
"""

from __future__ import annotations

import os
import pwd
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.bytecode import equipped
from provisioning.artifact.filesystem import reason
from provisioning.artifact.model import device
from provisioning.artifact.model.entry import DEVICE, DIR, LINK, STATE, shown
from provisioning.artifact.model.package import words
from provisioning.artifact.model.placement import RELEASES
from provisioning.errors import RefusedError, TargetError
from provisioning.installer.services import bytecode, health, hooks, managers, subprocesses, users
from provisioning.installer.services.hooks import Occasion
from provisioning.installer.store import owners
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.owners import doubt_about

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from provisioning.artifact.model.package import Package
    from provisioning.installer.ops.journal import Record
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release


class _User(NamedTuple):
    """Who runs a service."""

    name: str
    number: int
    """-1 for one who will be made, and owns nothing yet."""
    groups: frozenset[int]

    def may_enter(
        self, mode: int, owner: int, group: int, entries: tuple[owners.AclEntry, ...] = ()
    ) -> bool:
        """Tell whether somebody may go through a directory, or run a program: as acl(5) has it."""
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


def faults(home: Home, release: Release) -> Iterator[str]:
    """Tell which programs of a package's services their users cannot reach, and what to do."""
    for service in release.package.services:
        user = _user(service.user)
        program = words(service.exec)[0]
        closed = next(_closed(home, release, program, user), None) if user.number else None
        if closed:
            where, mode = closed
            told = f"its mode {mode:04o} keeps out the user {user.name}, who runs {shown(program)}"
            yield f"{shown(where)}: {told}; `chmod a+x` it"


def _closed(home: Home, release: Release, program: str, user: _User) -> Iterator[tuple[str, int]]:
    """What on the way to a program is closed to a user, and by which mode."""
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
        return  # nobody knows yet what will be theirs
    for entry in release.layout.release:
        on_the_way = entry.type == DIR and program.startswith(f"{entry.path}/")
        is_program = entry.path == program and entry.type != LINK
        if (on_the_way or is_program) and not user.may_enter(
            entry.mode, int(entry.owner), int(entry.group)
        ):
            yield entry.path, entry.mode


def _user(name: str) -> _User:
    if not name:
        return _User("root", 0, frozenset())
    try:
        known = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        return _User(name, int(name) if name.isdigit() else -1, frozenset())
    groups = os.getgrouplist(known.pw_name, known.pw_gid)
    return _User(name, known.pw_uid, frozenset(groups))


_LOG = Owned(0o600)
_PLATFORMS = {"systemd": "linux", "launchd": "darwin"}


def demand_ready(home: Home, new: Release) -> None:
    """Demand that all is there for a release to run. Raises RefusedError, which tells all."""
    found = managers.faults(_system(home, new.package), new.manifest)
    if not home.is_rehearsal:
        found += _foreign(new.package)
        found += _open_to_others(home, new.package)  # guard: hook-that-others-write
        found += faults(home, new)  # guard: closed-way
        found += users.faults(new.package)
        found += device.faults(new.package.device, _values_file(home, new.package))
    if found:
        raise RefusedError("\n".join(found))


def users_to_make(home: Home, package: Package) -> list[str]:
    """Who runs services, and is not on this machine yet."""
    return [] if home.is_rehearsal else users.wanted(package)


def make_users(home: Home, package: Package) -> list[str]:
    """Have those on this machine who run services: who had to be made. Raises TargetError."""
    return [] if home.is_rehearsal else users.make(home, package)


def remove_users(home: Home) -> list[str]:
    """Have those on this machine no more who were made for services: why one still is.

    Somebody may have started something as such a user, and then the user stays.
    """
    return [] if home.is_rehearsal else users.remove(home)


def sweep(home: Home, package: Package) -> None:
    """Remove what runs that were killed have left outside the prefix. Raises TargetError."""
    with _told(package):
        managers.sweep(_system(home, package), package)


def guard(home: Home, package: Package) -> None:
    """Have a change that is interrupted seen to when the machine starts. Raises TargetError."""
    sweep(home, package)
    with _told(package):
        managers.guard(_system(home, package), package)


def run_hook(home: Home, record: Record, name: str, releases: tuple[Release | None, ...]) -> None:
    """Run a hook, if the release that it belongs to has one. Raises TargetError.

    Of a release that comes and of one that goes, those are the hooks that its own package has.
    """
    old, new = releases
    owner = new or old
    hook = owner and next((each for each in owner.package.hooks if each.name == name), None)
    if owner is None or hook is None or home.is_rehearsal:
        return
    doubt = doubt_about(home, owner.path)
    if doubt:  # guard: hook-that-goes-and-others-write
        raise TargetError(f"{name}: is not run, since {doubt}")
    before = old.package.version if old else ""
    where = str(home.path / owner.path)
    with bytecode.cache(home, owner) as cache:  # guard: byte-code-of-a-hook
        occasion = Occasion(owner.package, where, before, record.action, cache)
        with hooks.noting(home) as begun:
            output, fault = hooks.run_hook(hook, occasion, begun)
    log = f"{STATE}/{name}.log"
    home.directory.write(log, output, _LOG)
    if fault:
        raise TargetError(f"{fault}; what it said is in {home.path / log}")  # guard: hook-raises


def resting(home: Home, old: Release | None) -> list[str]:
    """The services of a release that somebody has stopped, disabled or masked.

    Raises TargetError.
    """
    return managers.resting(_system(home, old.package), old.package) if old else []


def start(
    home: Home, old: Release | None, new: Release | None, resting: Collection[str] = ()
) -> None:
    """Have the services of `new` run, and no other of `old`, and wait until they are well.

    Those that are `resting` are left as they are. Raises TargetError.
    """
    if old and (new is None or new.package.service_manager != old.package.service_manager):
        forget(home, old.package)
    if new is None:
        return
    package, at = equipped(*new.manifest), _system(home, new.package)
    values = device.values(package.device, _values_file(home, package).data)
    with _told(package):
        make_users(home, package)
        bytecode.renew(home, package)  # guard: byte-code-renewed
        managers.arrange(at, package, new.manifest._replace(package=package), values)
    managers.restart(at, package, resting)  # guard: restart-services
    fault = health.fault(at, package, values, resting)
    if fault:
        raise TargetError(fault)  # guard: unwell-service


def note(home: Home, new: Release) -> str:
    """What somebody should know who has installed a release, "" if nothing."""
    package = new.package
    if not package.services or home.is_rehearsal or _system(home, package).runs:
        return ""
    return f"{package.service_manager} does not run here: services were enabled, and not started"


def stop(home: Home, old: Release) -> None:
    """Have no service of a release run any more. Raises TargetError."""
    managers.stop(_system(home, old.package), old.package)


def forget(home: Home, package: Package) -> None:
    """Have the service manager know nothing of a package. Raises TargetError."""
    with _told(package):
        managers.arrange(_system(home, package), package, None, {})
        bytecode.forget(home, package)  # guard: byte-code-forgotten


def _system(home: Home, package: Package) -> subprocesses.System:
    return subprocesses.at(home.root, package.service_manager)


def _foreign(package: Package) -> Iterator[str]:
    """Tell what of a package cannot run on this machine, or by whoever installs it."""
    if not package.services:
        return
    manager = package.service_manager
    if not sys.platform.startswith(_PLATFORMS[manager]):
        yield f"{package.name}: has services for {manager}, which is not the one of {sys.platform}"
    elif os.geteuid() != 0:
        yield f"{package.name}: has services, which root alone can install"


def _open_to_others(home: Home, package: Package) -> Iterator[str]:
    """Tell who could exchange what is run of a package by the one who installs it."""
    doubt = doubt_about(home, "") if package.hooks or package.services else ""
    if doubt:
        yield f"{package.name}: has what runs from {home.path}, but {doubt}; change that"


def _values_file(home: Home, package: Package) -> device.File:
    status, data = home.directory.status(DEVICE), home.directory.read(DEVICE)
    return device.File(f"{package.prefix}/{DEVICE}", data or b"", status)


@contextmanager
def _told(package: Package) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(f"{package.name}: {reason(error)}") from None
