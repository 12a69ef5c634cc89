"""Plans an installation, a rollback or a removal, after checking that it can be done."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import contents, pythons
from provisioning.artifact.model.entry import DEVICE, DIR, FILE, LINK, shown
from provisioning.artifact.model.placement import (
    BESIDE,
    BYTECODE,
    CURRENT,
    PREVIOUS,
    RELEASES,
    is_within,
    prefix_fault,
)
from provisioning.artifact.model.release import is_older
from provisioning.errors import ArtifactError, RefusedError
from provisioning.installer.ops import journal
from provisioning.installer.ops.journal import DONE, INSTALL, REMOVE, ROLLBACK, UPGRADE
from provisioning.installer.services import lifecycle, users
from provisioning.installer.store import configuration, footprint, owners, releases, trusted_keys
from provisioning.installer.store.configuration import ABSENT, NOTHING, Kept
from provisioning.installer.store.prefix import SYSTEM, is_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.contents import Finding
    from provisioning.artifact.model.package import Package
    from provisioning.artifact.signature.signed_release import SignedRelease, Trust
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release
    from provisioning.installer.store.stage import PackageSource

_REASONS = {
    "configuration": "as installed",
    "edited": "edited",
    "beside": "a version of an edited file",
    "device": "the values of this machine",
    "data": "data",
    "directory": "if nothing else is in it",
    "before": "not created by the package",
}


class Leftover(NamedTuple):
    """A path below the prefix that is not part of a release, and is kept or removed."""

    path: str
    what: str
    """A key of _REASONS."""

    def __str__(self) -> str:
        return f"{self.path}: kept ({_REASONS[self.what]})"

    @property
    def removal(self) -> str:
        """The step of a plan that removes it."""
        return f"remove {self.path} ({_REASONS[self.what]})"


class InstallPlan(NamedTuple):
    """A change that is going to be made."""

    action: str
    """One of journal.ACTIONS."""
    old: Release | None
    new: Release | None
    previous: str
    kept: Kept
    about: Package | None
    """The package; None if nothing shows which one was removed."""
    is_there: bool = False
    """Whether the new release lies in the prefix already."""
    users: tuple[str, ...] = ()
    """The users that are created, or removed."""
    purge: bool = False
    stays: tuple[Leftover, ...] = ()
    """What a removal leaves."""
    doomed: tuple[str, ...] = ()
    """The releases that a removal removes."""
    goes: tuple[Leftover, ...] = ()
    """What a purge removes beside the releases."""
    unlent: tuple[str, ...] = ()
    """What gets fewer rights than the package says, and why."""

    @property
    def name(self) -> str:
        """The name of the package."""
        return self.about.name if self.about else ""

    @property
    def version(self) -> str:
        """The version of the package."""
        return self.about.version if self.about else ""


_SYSTEMS = {"linux": "linux", "macos": "darwin"}


def release_of(source: PackageSource, root: Path) -> Release:
    """Return the release that a source becomes in a root.

    Raises:
        RefusedError: it cannot be installed; or, unless this is a rehearsal, not on that system, or
            an owner is not known.
    """
    data, parsed = source.reader.data, source.reader.manifest
    accounts, prepares = owners.accounts(root), is_image(root)
    strict, system = prepares or root == SYSTEM, "linux" if prepares else sys.platform
    if strict and not system.startswith(_SYSTEMS.get(parsed.package.os, "")):
        where = f"{source.where}: is for {parsed.package.os}, and this is {system}"
        raise RefusedError(f"{where}; use --root DIR to install it for inspection")
    if strict:
        _demand_python(source.where, parsed.package.python, root)
    coming = users.wanted(parsed.package, accounts)
    absent = owners.missing(parsed.entries, coming, accounts) if strict else []
    if absent:
        where = f"in {root}" if prepares else "on this machine"
        raise RefusedError(
            f"{source.where}: there is no {', no '.join(absent)} {where}; create it first"
        )
    name = releases.name_of(parsed.package, data)
    return releases.laid_out(name, data, parsed, source.where, accounts)


def _demand_python(where: str, version: str, root: Path) -> None:
    # guard: python-on-the-machine
    if version and not (pythons.find(version) if root == SYSTEM else pythons.is_in(root, version)):
        own = ".".join(map(str, sys.version_info[:2]))
        machine = f"on this machine (its own is {own})" if root == SYSTEM else f"in {root}"
        raise RefusedError(
            f"{where}: needs Python {version}, and there is no python{version} {machine};"
            f" build the package for this system's release, or install python{version}"
        )


class Allowed(NamedTuple):
    """What an installation may do that it otherwise refuses."""

    downgrade: bool = False
    """Install an older release."""
    platform_change: bool = False
    """Install a signed release for another platform than the one that is installed."""


def plan_install(
    home: Home, new: Release, allowed: Allowed, signed: SignedRelease | None = None
) -> InstallPlan | None:
    """Plan the installation of a release; None if it is installed and intact.

    Raises:
        RefusedError: the package is not valid, or cannot replace what is there.
        TargetError: it does not fit.
    """
    current, previous = releases.at(home, CURRENT), releases.at(home, PREVIOUS)
    again = bool(current) and releases.plain_name(current) == new.name
    if again:
        old: Release | None = new._replace(name=current)
    else:  # it is much like the new one, and so read in less time
        old = releases.read(home, current, new) if current else None
    _check_prefix(home, new.package)  # guard: prefix-of-another-package
    _check_package(home, new, old, downgrade=allowed.downgrade)
    if signed:
        trusted_keys.demand_newer(
            home, signed, old, downgrade=allowed.downgrade, moves=allowed.platform_change
        )
    _check_modes(home, new)
    lifecycle.demand_ready(home, new)
    copies = [name for name in releases.names(home) if releases.plain_name(name) == new.name]
    intact = [name for name in copies if not differences(home, new._replace(name=name))]
    if again and current in intact:
        return None
    new = new._replace(name=intact[0] if intact else releases.another_name(home, new.name))
    if not intact:
        releases.demand_room(home, new)
    before = old or journal.left(home, new.package.name)
    decided = configuration.decide(home, before.layout if before else None, new.layout)
    return InstallPlan(
        action=UPGRADE if current else INSTALL,
        old=old,
        new=new,
        previous=previous,
        kept=Kept(decided, configuration.absent(home, new.layout, decided)),
        about=new.package,
        is_there=bool(intact),
        users=tuple(lifecycle.users_to_make(home, new.package)),
        unlent=_unlent(home, new),
    )


def _unlent(home: Home, new: Release) -> tuple[str, ...]:
    """What gets fewer rights than the package says: not what a user who is created later gets."""
    coming = lifecycle.users_to_make(home, new.package)
    entries = (each for each in new.manifest.entries if not {each.owner, each.group} & {*coming})
    return owners.unlent(entries, owners.accounts(home.root))


def plan_rollback(home: Home, version: str, trust: Trust | None) -> InstallPlan:
    """Plan to go back to a version, or with "" to the previous release.

    Raises:
        RefusedError: there is no such release, or it is damaged, or current; or nobody who is
            trusted has signed it.
    """
    current, previous = releases.at(home, CURRENT), releases.at(home, PREVIOUS)
    if not current:
        raise RefusedError(f"{home.path}: nothing is installed")
    name = _release_of_version(home, version) if version else previous
    if not name:
        raise RefusedError(f"{home.path}: there is no previous release")
    if name == current:
        raise RefusedError(f"{home.path}: {version} is already current")
    old = releases.read(home, current)
    new = releases.read(home, name, old)
    found = differences(home, new)
    if found:  # guard: damaged-release
        raise RefusedError(
            f"{home.path / new.path}: is damaged ({found[0]}); install the package again"
        )
    if trust:
        try:
            trusted_keys.signer_of(home, new, trust)
        except ArtifactError as error:  # guard: signed-rollback
            raise RefusedError(
                f"{home.path / new.path}: {error}; install a release that a trusted key has signed"
            ) from None
    lifecycle.demand_ready(home, new)
    then = configuration.kept(home, name)
    decided = configuration.decide_back(home, old.layout, new.layout, then)
    kept = Kept(decided, configuration.absent(home, new.layout, decided))
    return InstallPlan(ROLLBACK, old, new, previous, kept, new.package, is_there=True)


def is_anything(home: Home, *, purge: bool) -> bool:
    """Whether there is anything to remove."""
    places = (journal.HISTORY, journal.REMOVED) if purge else ()
    # A directory of releases without one was left by a removal that could not finish.
    return bool(releases.at(home, CURRENT)) or any(
        map(home.directory.status, (RELEASES, BYTECODE, *places))
    )


def plan_removal(home: Home, *, purge: bool) -> InstallPlan:
    """Plan the removal of what is installed in a prefix, or was left there."""
    current = releases.at(home, CURRENT)
    old = releases.read(home, current) if current else None
    about = old or journal.left(home)
    leaves = spared if purge else stays
    return InstallPlan(
        action=REMOVE,
        old=old,
        new=None,
        previous=releases.at(home, PREVIOUS),
        kept=NOTHING,
        about=about.package if about else None,
        users=tuple(users.noted(home)) if purge else (),
        purge=purge,
        stays=leaves(home, about) if about else (),
        doomed=tuple(releases.names(home)),
        goes=goes(home, about) if purge else (),
    )


def stays(home: Home, about: Release) -> tuple[Leftover, ...]:
    """Return the configuration and data of a package that are there, sorted by path."""
    return tuple(sorted(_leftovers(home, about)))


def goes(home: Home, about: Release | None) -> tuple[Leftover, ...]:
    """Return what a purge removes beside the releases, sorted by path."""
    reasons = {each.path: each.what for each in _leftovers(home, about)} if about else {}
    found = list[Leftover]()
    for path, kind in sorted(footprint.known(home, about).items()):
        if kind == footprint.OTHER or path == footprint.PREFIX:
            continue
        # A file that the last release does not have is an edited one, or a version of one.
        unknown = "beside" if path.endswith(BESIDE) else "edited"
        is_file = kind == footprint.FILE
        found.append(Leftover(path, reasons.get(path, unknown) if is_file else kind))
    return tuple(found)


def spared(home: Home, about: Release) -> tuple[Leftover, ...]:
    """Return the configuration and data of a package that a purge leaves."""
    kinds = footprint.known(home, about)
    found = sorted(each.path for each in _leftovers(home, about))
    return tuple(
        Leftover(path, "before") for path in found if not footprint.goes(home, path, kinds)
    )


def _leftovers(home: Home, about: Release) -> Iterator[Leftover]:
    for entry in about.layout.conffiles:
        found = configuration.look(home, entry.path).digest
        if found != ABSENT:
            yield Leftover(entry.path, "configuration" if found == entry.digest else "edited")
        for name in (entry.path + suffix for suffix in BESIDE):
            if home.directory.status(name):
                yield Leftover(name, "beside")
    for entry in about.layout.data:
        if home.directory.status(entry.path):
            yield Leftover(entry.path, "data")
    if about.package.device and home.directory.status(DEVICE):
        yield Leftover(DEVICE, "device")


def differences(home: Home, release: Release) -> tuple[Finding, ...]:
    """Return how a release in the prefix differs from its manifest, without byte code."""
    owned, entries = owners.can_give(), release.layout.release
    return contents.compare_entries(entries, home.path / release.path, owners=owned).findings


def _check_prefix(home: Home, package: Package) -> None:
    """Refuse a prefix that is not the package's alone, also where links lead."""
    for where in sorted({package.prefix, f"/{home.path.relative_to(home.root)}"}):
        fault = prefix_fault(where, package.os)
        if fault:
            raise RefusedError(f"{where}: {fault}")
    for name, prefix in releases.packages(home.root).items():
        if name == package.name or prefix == home.prefix:  # _check_package reports these
            continue
        if is_within(home.prefix, prefix, package.os):
            raise RefusedError(f"{home.path}: lies in {prefix}, where {name} is installed")
        if is_within(prefix, home.prefix, package.os):
            raise RefusedError(f"{home.path}: contains {prefix}, where {name} is installed")


def _check_package(home: Home, new: Release, old: Release | None, *, downgrade: bool) -> None:
    """Refuse another package than the one that is there, and an older version of it."""
    name, version = new.package.name, new.package.version
    if old and old.package.name != name:
        raise RefusedError(
            f"{home.path}: already contains package {old.package.name}; uninstall it first to"
            f" install {name} there"
        )
    there = releases.prefix_of(home.root, name)
    if there not in {"", home.prefix}:
        raise RefusedError(f"{name}: is installed in {there}; uninstall it there first")
    # guard: package-of-dpkg
    if releases.is_of_dpkg(home, name):  # a purge by it would remove configuration and data of both
        raise RefusedError(
            f"{home.path}: belongs to dpkg; save what you need of its configuration and data, which"
            f" `dpkg -P {name}` removes, and run that first"
        )
    if old and not downgrade and is_older(version, old.package.version):  # guard: older-version
        raise RefusedError(
            f"{name}: {version} is older than {old.package.version}, which is installed;"
            " use --allow-downgrade to install it anyway"
        )


def _check_modes(home: Home, new: Release) -> None:
    """Refuse what a user who is not root could not read back after installing it, or remove."""
    needed = {FILE: 0o400, DIR: 0o500, LINK: 0}
    closed = [
        f"{home.path}: {entry.path}: has the mode {entry.mode:04o}, which only root can install"
        for entry in (() if owners.can_give() else new.manifest.entries)
        if entry.mode & needed[entry.type] != needed[entry.type]
    ]
    if closed:
        raise RefusedError("\n".join(closed))


def _release_of_version(home: Home, version: str) -> str:
    """The release of a version, or of that name: of several, the one that last came up.

    If none ever came up, it is the one that was tried last.
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
