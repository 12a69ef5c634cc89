"""The releases in a prefix: their names, which one is current, and the registry of packages."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.bytecode import place_of, ways
from provisioning.artifact.filesystem import MIB, reason
from provisioning.artifact.model import manifest
from provisioning.artifact.model.entry import DIR, MANIFEST, shown
from provisioning.artifact.model.placement import (
    BYTECODE,
    CURRENT,
    REGISTRY,
    RELEASES,
    Installed,
    faults,
    installed,
)
from provisioning.errors import ArtifactError, RefusedError, TargetError
from provisioning.installer.store import owners
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.prefix import reached

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.artifact.model.manifest import Manifest, Package
    from provisioning.installer.store.durable import Directory
    from provisioning.installer.store.owners import Accounts
    from provisioning.installer.store.prefix import Home

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_~-]{0,99}-([0-9a-f]{8})(?:\.[1-9])?")
_REPAIRS = range(1, 10)


class Release(NamedTuple):
    """A package as it is, or will be, installed in a prefix."""

    name: str
    """The name of its directory."""
    data: bytes
    """The bytes of its manifest."""
    manifest: Manifest
    layout: Installed

    @property
    def package(self) -> Package:
        """The package."""
        return self.manifest.package

    @property
    def path(self) -> str:
        """Its directory, below the prefix."""
        return f"{RELEASES}/{self.name}"


def laid_out(name: str, data: bytes, parsed: Manifest, where: str, accounts: Accounts) -> Release:
    """Return the release that a manifest describes, with numbers for owners.

    Raises:
        RefusedError: it cannot be installed.
    """
    found = [f"{where}: {shown(path)}: {reason}" for path, reason in faults(parsed.entries)]
    if found:
        raise RefusedError("\n".join(found))
    layout = owners.numbered(installed(data, parsed.entries), owners.own(), accounts)
    return Release(name, data, parsed, layout)


def name_of(package: Package, data: bytes) -> str:
    """Return the name of a release: its version and the start of its manifest's digest."""
    return f"{package.version}-{filesystem.of_bytes(data)[:8]}"


def names(home: Home) -> list[str]:
    """Return the names of all releases in a prefix."""
    return [name for name in home.directory.names(RELEASES) if _NAME.fullmatch(name)]


def another_name(home: Home, name: str) -> str:
    """Return another name for a release, if a damaged copy has its name."""
    plain = plain_name(name)
    taken = home.directory.names(RELEASES)
    free = [each for each in (plain, *(f"{plain}.{n}" for n in _REPAIRS)) if each not in taken]
    if not free:
        raise RefusedError(
            f"{home.path}: contains ten damaged copies of {plain}; run `provision gc`"
        )
    return free[0]


def plain_name(name: str) -> str:
    """Return the name of a release without the number of a copy."""
    return name[: name.rindex("-") + 9]


def version_of(name: str) -> str:
    """Return the version in the name of a release."""
    return name[: name.rindex("-")]


def read(home: Home, name: str, other: Release | None = None) -> Release:
    """Read the release of that name, in less time if it is much like the `other`.

    Raises RefusedError if it is not there, or its manifest damaged.
    """
    where = f"{home.path / RELEASES / name}"
    data = home.directory.read(f"{RELEASES}/{name}/{MANIFEST}")
    match = _NAME.fullmatch(name)
    if data is None:
        raise RefusedError(f"{where}: contains no package")
    if not match or filesystem.of_bytes(data)[:8] != match[1]:  # guard: manifest-of-its-release
        raise RefusedError(
            f"{where}/{MANIFEST}: is not what was installed; install the package again"
        )
    try:
        known = other and manifest.by_line(other.data, other.manifest)
        parsed = manifest.parse(data, f"{where}/{MANIFEST}", known)
    except ArtifactError as error:
        raise RefusedError(f"{error}; install the package again") from None
    if parsed.package.prefix != home.prefix:
        raise RefusedError(f"{where}: belongs below {parsed.package.prefix}; was it moved?")
    return laid_out(name, data, parsed, f"{where}/{MANIFEST}", owners.accounts(home.root))


def remove(home: Home, name: str) -> None:
    """Remove a release, and before it its byte code. Raises OSError."""
    home.directory.remove_tree(place_of(name))  # guard: byte-code-goes
    home.directory.remove_tree(f"{RELEASES}/{name}")


def sweep_bytecode(home: Home) -> None:
    """Remove byte code of releases that somebody else has removed. Raises OSError."""
    for name in set(home.directory.names(BYTECODE)) - set(home.directory.names(RELEASES)):
        home.directory.remove_tree(place_of(name))


def is_name(text: str) -> bool:
    """Whether a text is the name of a release."""
    return bool(_NAME.fullmatch(text))


def at(home: Home, link: str) -> str:
    """Return the name of the release that `current` or `previous` leads to; "" if there is none.

    Raises RefusedError if what is there is not this tool's.
    """
    status, leads = home.directory.status(link), home.directory.leads(link)
    if status is None:
        return ""
    where = home.path / link
    if leads is None:
        # guard: current-is-a-link
        raise RefusedError(f"{where}: is not a link to a release; move it away")
    above, _, name = leads.rpartition("/")
    if above != RELEASES or not _NAME.fullmatch(name):  # guard: current-leads-to-a-release
        raise RefusedError(f"{where}: leads to {shown(leads)}, which is not a release; remove it")
    if not home.directory.is_directory(leads) and link == CURRENT:  # guard: release-that-is-gone
        raise RefusedError(f"{where}: leads to {leads}, which does not exist; remove it")
    return name


_SLACK_BYTES, _SLACK_NODES = MIB, 64  # for records, links and configuration


def demand_room(home: Home, release: Release) -> None:
    """Check that there is room for a release on the disk. Raises TargetError."""
    there = next(path for path in (home.path, *home.path.parents) if os.path.exists(path))
    room = os.statvfs(there)
    block = room.f_frsize or 4096
    sizes = (-(-entry.size // block) * block for entry in release.layout.release)
    directories = sum(entry.type == DIR for entry in release.layout.release)
    needed = sum(sizes) + directories * block + _SLACK_BYTES
    if needed > room.f_bavail * block:  # guard: room-on-the-disk
        raise TargetError(
            f"{home.path}: {needed / MIB:.1f} MiB are needed,"
            f" {room.f_bavail * block / MIB:.1f} MiB are free"
        )
    entries = release.layout.release
    nodes = len(entries) + len(ways(entries, release.name)) + _SLACK_NODES
    # guard: inodes-on-the-disk
    if room.f_files and nodes > room.f_favail:  # where there is no limit, there is no number
        raise TargetError(f"{home.path}: {nodes} inodes are needed, {room.f_favail} are free")


_REMOVED = ".removed"  # no package is called so
_DPKG = "/var/lib/dpkg/info"  # where dpkg lists what it has unpacked: see dpkg-query(1)


def prefix_of(root: Path, name: str) -> str:
    """Return the prefix of an installed package; "" if it is not installed."""
    try:
        with reached(root, REGISTRY) as directory:
            return _sound(directory.leads(name))
    except FileNotFoundError:
        return ""


def left_at(root: Path, name: str) -> str:
    """Return the prefix where a removed package has left something; "" if it has not."""
    return prefix_of(root, f"{_REMOVED}/{name}")


def packages(root: Path) -> dict[str, str]:
    """Return the names and prefixes of all installed packages."""
    try:
        with reached(root, REGISTRY) as directory:
            found = {name: _sound(directory.leads(name)) for name in directory.names("")}
    except FileNotFoundError:
        return {}
    return {name: prefix for name, prefix in found.items() if prefix}


def enter(home: Home, name: str) -> str:
    """Register a package; returns why it could not be registered."""
    if prefix_of(home.root, name) == home.prefix:
        return ""
    try:
        with reached(home.root, REGISTRY, name, make=True) as directory:
            directory.link(name, home.prefix)
            _forget(directory, home.prefix)
    except (OSError, RefusedError) as error:
        # Who may write to the prefix need not be allowed to write there: the prefix will do.
        return (
            f"{name}: not entered in {REGISTRY}, so use {home.path} instead of its name:"
            f" {_why(error)}"
        )
    return ""


def _sound(prefix: str | None) -> str:
    """Where a link of the registry leads; "" if this tool cannot have made it."""
    sound = os.path.normpath(f"/{(prefix or '').lstrip('/')}")
    return sound if prefix == sound else ""  # guard: prefix-in-a-registry


def sweep(home: Home, name: str) -> None:
    """Remove temporary files of killed runs from the registry."""
    with suppress(FileNotFoundError), reached(home.root, REGISTRY, name) as directory:
        for place in ("", _REMOVED):
            directory.sweep(place)


def strike(home: Home) -> str:
    """Register a package as removed; returns why it could not be."""
    for name, prefix in packages(home.root).items():
        if prefix == home.prefix:
            try:
                with reached(home.root, REGISTRY, name) as directory:
                    directory.make(_REMOVED, Owned(0o755))
                    directory.link(f"{_REMOVED}/{name}", prefix)
                    directory.remove(name)
            except (OSError, RefusedError) as error:  # as of `enter`
                return f"{name}: is still entered in {REGISTRY}: {_why(error)}"
    return ""


def is_of_dpkg(home: Home, name: str) -> bool:
    """Whether dpkg has a package of that name in the prefix, or at least its configuration."""
    try:
        with reached(home.root, _DPKG) as directory:
            listed = directory.read(f"{name}.list") or b""
    except (FileNotFoundError, RefusedError):
        return False
    return home.prefix.encode() in listed.splitlines()


def forget(root: Path, prefix: str) -> bool:
    """Remove a prefix that is gone from the registry; returns whether it was there."""
    with suppress(OSError, RefusedError), reached(root, REGISTRY) as directory:
        found = [name for name in directory.names("") if directory.leads(name) == prefix]
        for name in found:
            directory.remove(name)
        return _forget(directory, prefix) or bool(found)
    return False


def _forget(directory: Directory, prefix: str) -> bool:
    """Remove the note that a package has left something in a prefix."""
    names = directory.names(_REMOVED)
    found = [name for name in names if directory.leads(f"{_REMOVED}/{name}") == prefix]
    for name in found:
        directory.remove(f"{_REMOVED}/{name}")
    if found == names:
        directory.remove(_REMOVED)
    return bool(found)


def _why(error: OSError | RefusedError) -> str:
    return reason(error) if isinstance(error, OSError) else str(error)
