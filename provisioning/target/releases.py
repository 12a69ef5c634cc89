"""Knows the releases that lie in a prefix: what they are called, and which one is current."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import digest, manifest
from provisioning.artifact.installed import (
    CURRENT,
    RELEASES,
    Installed,
    faults,
    installed,
)
from provisioning.artifact.path import MANIFEST, shown
from provisioning.errors import ArtifactError, RefusedError
from provisioning.target.owners import numbered, own

if TYPE_CHECKING:
    from provisioning.artifact.manifest import Manifest, Package
    from provisioning.target.home import Home

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_~-]{0,99}-([0-9a-f]{8})(?:\.[1-9])?")
_REPAIRS = range(1, 10)


class Release(NamedTuple):
    """A package as it lies, or is to lie, in a prefix."""

    name: str
    """That of its directory."""
    data: bytes
    """Its manifest's."""
    manifest: Manifest
    layout: Installed

    @property
    def package(self) -> Package:
        """What the package is."""
        return self.manifest.package

    @property
    def path(self) -> str:
        """Where it lies below the prefix."""
        return f"{RELEASES}/{self.name}"


def laid_out(name: str, data: bytes, parsed: Manifest, where: str) -> Release:
    """The release that a manifest describes, with numbers for owners.

    Raises:
        RefusedError: it cannot be installed.
    """
    found = [f"{where}: {shown(path)}: {reason}" for path, reason in faults(parsed.entries)]
    if found:
        raise RefusedError("\n".join(found))
    return Release(name, data, parsed, numbered(installed(data, parsed.entries), own()))


def name_of(package: Package, data: bytes) -> str:
    """What the directory of a release is called, by the version and the manifest's digest."""
    return f"{package.version}-{digest.of_bytes(data)[:8]}"


def names(home: Home) -> list[str]:
    """The directories of all releases in a prefix."""
    return [name for name in home.directory.names(RELEASES) if _NAME.fullmatch(name)]


def another_name(home: Home, name: str) -> str:
    """A name for the same release again, since what has its name is damaged."""
    plain = plain_name(name)
    taken = home.directory.names(RELEASES)
    free = [each for each in (plain, *(f"{plain}.{n}" for n in _REPAIRS)) if each not in taken]
    if not free:
        raise RefusedError(f"{home.path}: holds ten damaged copies of {plain}; see `gc`")
    return free[0]


def plain_name(name: str) -> str:
    """The name of a release without what tells a repaired one from a damaged one."""
    return name[: name.rindex("-") + 9]


def version_of(name: str) -> str:
    """The version in the name of a release."""
    return name[: name.rindex("-")]


def read(home: Home, name: str, other: Release | None = None) -> Release:
    """The release of that name, in less time if it is much like the `other`.

    Raises RefusedError if it is not there, or its manifest damaged.
    """
    where = f"{home.path / RELEASES / name}"
    data = home.directory.read(f"{RELEASES}/{name}/{MANIFEST}")
    match = _NAME.fullmatch(name)
    if data is None:
        raise RefusedError(f"{where}: holds no package")
    if not match or digest.of_bytes(data)[:8] != match[1]:
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
    return laid_out(name, data, parsed, f"{where}/{MANIFEST}")


def is_name(text: str) -> bool:
    """Tell whether a release may be called so."""
    return bool(_NAME.fullmatch(text))


def at(home: Home, link: str) -> str:
    """The name of the release that `current` or `previous` leads to; "" if there is none.

    Raises RefusedError if what is there is not this tool's.
    """
    status, leads = home.directory.status(link), home.directory.leads(link)
    if status is None:
        return ""
    where = home.path / link
    if leads is None:
        raise RefusedError(f"{where}: is no link to a release; move it away")
    above, _, name = leads.rpartition("/")
    if above != RELEASES or not _NAME.fullmatch(name):
        raise RefusedError(f"{where}: leads to {shown(leads)}, which is no release; remove it")
    if not home.directory.is_directory(leads) and link == CURRENT:
        raise RefusedError(f"{where}: leads to {leads}, which is not there; remove it")
    return name
