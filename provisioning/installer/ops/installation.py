"""Knows how a package is installed, or another release of it: from its source to its services."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.model.entry import DIR, FILE, LINK, shown
from provisioning.artifact.model.placement import (
    CURRENT,
    PREVIOUS,
    RELEASES,
    is_within,
    prefix_fault,
)
from provisioning.artifact.model.release import is_older
from provisioning.artifact.tool import tool
from provisioning.artifact.verify import tree
from provisioning.errors import RefusedError
from provisioning.installer.ops import journal, transaction
from provisioning.installer.ops.install_plan import InstallPlan
from provisioning.installer.ops.journal import BEGUN, DONE, INSTALL, ROLLBACK, UPGRADE, Record
from provisioning.installer.ops.transaction import Transaction
from provisioning.installer.services import lifecycle, users
from provisioning.installer.store import configuration, owners, releases, stage
from provisioning.installer.store.configuration import Kept
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.stage import Staging

if TYPE_CHECKING:
    from provisioning.artifact.model.package import Package
    from provisioning.artifact.verify.contents import Finding
    from provisioning.console import Console
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release
    from provisioning.installer.store.stage import PackageSource


_SYSTEMS = {"linux": "linux", "macos": "darwin"}


def release_of(source: PackageSource, *, strict: bool) -> Release:
    """The release that a source is to become.

    Raises:
        RefusedError: it cannot be installed; or, if this is `strict`, not on this system, or an
            owner is not known.
    """
    data, parsed = source.reader.data, source.reader.manifest
    if strict and not sys.platform.startswith(_SYSTEMS.get(parsed.package.os, "")):
        where = f"{source.where}: is for {parsed.package.os}, and this is {sys.platform}"
        raise RefusedError(f"{where}; --root DIR installs it to look at")
    coming = users.wanted(parsed.package)
    absent = owners.missing(parsed.entries, coming) if strict else []
    if absent:
        told = f"there is no {', no '.join(absent)} on this machine; create it first"
        raise RefusedError(f"{source.where}: {told}")
    return releases.laid_out(releases.name_of(parsed.package, data), data, parsed, source.where)


def planned(home: Home, new: Release, *, downgrade: bool) -> InstallPlan | None:
    """What is to be done to install a release; None if it is installed, and whole.

    Raises:
        RefusedError: the package, or what is there, is not as it must be.
        TargetError: it does not fit.
    """
    current, previous = releases.at(home, CURRENT), releases.at(home, PREVIOUS)
    again = bool(current) and releases.plain_name(current) == new.name
    old = new._replace(name=current) if again else _old(home, current, new)
    _demand_place(home, new, old, downgrade=downgrade)
    _demand_readable(home, new)
    lifecycle.demand_ready(home, new)
    there = _there(home, new)
    if again and current in there:
        return None
    is_there = bool(there)
    new = new._replace(name=there[0] if there else releases.another_name(home, new.name))
    if not is_there:
        stage.demand_room(home, new)
    action = UPGRADE if current else INSTALL
    made = tuple(lifecycle.users_to_make(home, new.package))
    return InstallPlan(
        *(action, old, new, previous, _kept(home, old, new), new.package, is_there, made),
        unlent=owners.unlent(new.manifest.entries),
    )


def install(home: Home, source: PackageSource, plan: InstallPlan, console: Console) -> None:
    """Do what was planned. Raises TargetError."""
    new = plan.new
    if new and not plan.is_there:
        home.directory.make(RELEASES, Owned(0o755))
        console.begin(sum(entry.size for entry in new.layout.release))
        made = stage.stage(home, Staging(source, new, plan.old, console.progress))
        console.end()
        stage.place(home, made, new)
    transaction.carry_out(begin(home, plan, console), plan.kept)


def begin(home: Home, plan: InstallPlan, console: Console) -> Transaction:
    """A change that is planned, before its first step."""
    record = Record(
        sequence=journal.next_sequence(home),
        action=plan.action,
        name=plan.name,
        old=plan.old.name if plan.old else "",
        new=plan.new.name if plan.new else "",
        previous=plan.previous,
        phase=BEGUN,
        attempts=0,
        purge=plan.purge,
        tool=filesystem.of_bytes(tool()),
        reason="",
        resting=" ".join(lifecycle.resting(home, plan.old)),
    )
    return Transaction(home, console, record, plan.old, plan.new)


def differences(home: Home, release: Release) -> tuple[Finding, ...]:
    """Tell how what lies in the prefix differs from a release, but for byte code."""
    owned, entries = owners.can_give(), release.layout.release
    return tree.compare_entries(entries, home.path / release.path, owners=owned).findings


def _old(home: Home, current: str, new: Release) -> Release | None:
    """The release that is current, which is much like the new one."""
    return releases.read(home, current, new) if current else None


def _demand_place(home: Home, new: Release, old: Release | None, *, downgrade: bool) -> None:
    name, version = new.package.name, new.package.version
    _demand_own(home, new.package)  # guard: prefix-of-another-package
    if old and old.package.name != name:
        raise RefusedError(f"{home.path}: is the place of {old.package.name}, not of {name}")
    there = releases.prefix_of(home.root, name)
    if there not in {"", home.prefix}:
        raise RefusedError(f"{name}: is installed in {there}; uninstall it there first")
    # guard: package-of-dpkg
    if releases.is_of_dpkg(home, name):  # a purge by it would remove configuration and data of both
        raise RefusedError(
            f"{home.path}: is dpkg's; copy what is to stay of its configuration and data, which"
            f" `dpkg -P {name}` removes, and run that first"
        )
    if old and not downgrade and is_older(version, old.package.version):  # guard: older-version
        raise RefusedError(
            f"{name}: {version} is older than {old.package.version}, which is installed;"
            " --allow-downgrade installs it all the same"
        )


def _demand_own(home: Home, package: Package) -> None:
    """Demand a prefix that is nobody else's, also where links lead."""
    for where in sorted({package.prefix, f"/{home.path.relative_to(home.root)}"}):
        fault = prefix_fault(where, package.os)
        if fault:
            raise RefusedError(f"{where}: {fault}")
    for name, prefix in releases.packages(home.root).items():
        if name == package.name or prefix == home.prefix:  # of which others tell
            continue
        if is_within(home.prefix, prefix, package.os):
            raise RefusedError(f"{home.path}: lies in {prefix}, where {name} is installed")
        if is_within(prefix, home.prefix, package.os):
            raise RefusedError(f"{home.path}: holds {prefix}, where {name} is installed")


def _demand_readable(home: Home, new: Release) -> None:
    """Demand that whoever is not root can read back what it installs, and remove it again."""
    needed = {FILE: 0o400, DIR: 0o500, LINK: 0}
    closed = [
        f"{home.path}: {entry.path}: has the mode {entry.mode:04o}, with which root alone can"
        " install it"
        for entry in (() if owners.can_give() else new.manifest.entries)
        if entry.mode & needed[entry.type] != needed[entry.type]
    ]
    if closed:
        raise RefusedError("\n".join(closed))


def _there(home: Home, new: Release) -> list[str]:
    """What the release is called where it lies in the prefix already, and is whole."""
    names = [name for name in releases.names(home) if releases.plain_name(name) == new.name]
    return [name for name in names if not differences(home, new._replace(name=name))]


def _kept(home: Home, old: Release | None, new: Release) -> Kept:
    before = old or journal.left(home, new.package.name)
    decided = configuration.decide(home, before.layout if before else None, new.layout)
    return Kept(decided, configuration.absent(home, new.layout, decided))


def planned_rollback(home: Home, version: str) -> InstallPlan:
    """What is to be done to have a version again, or "" for the one before the current.

    Raises:
        RefusedError: there is no such release, or it is damaged, or current.
    """
    current, previous = releases.at(home, CURRENT), releases.at(home, PREVIOUS)
    if not current:
        raise RefusedError(f"{home.path}: nothing is installed")
    name = _named(home, version) if version else previous
    if not name:
        raise RefusedError(f"{home.path}: there is no release before the current one")
    if name == current:
        raise RefusedError(f"{home.path}: {version} is current already")
    old = releases.read(home, current)
    new = releases.read(home, name, old)
    found = differences(home, new)
    if found:  # guard: damaged-release
        raise RefusedError(
            f"{home.path / new.path}: is damaged ({found[0]}); install the package again"
        )
    lifecycle.demand_ready(home, new)
    then = configuration.kept(home, name)
    decided = configuration.decide_back(home, old.layout, new.layout, then)
    kept = Kept(decided, configuration.absent(home, new.layout, decided))
    return InstallPlan(ROLLBACK, old, new, previous, kept, new.package, is_there=True)


def _named(home: Home, version: str) -> str:
    """The release of a version, or of that name: of several, the one that came up last.

    Only where none ever came up, it is the one that was tried last.
    """
    names = releases.names(home)
    if version in names:
        return version
    found = [name for name in names if releases.version_of(name) == version]
    events = [event for event in journal.read_history(home) if event.release in found]
    came_up = [event.release for event in events if event.outcome == DONE]
    if not found:
        known = ", ".join(map(releases.version_of, names))
        raise RefusedError(f"{home.path}: there is no release {shown(version)}; there are {known}")
    return (came_up or [event.release for event in events] or found)[-1]
