"""Compares installed packages with their manifests, and reports their status."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from provisioning.artifact.filesystem import reason
from provisioning.artifact.model.placement import CURRENT, PREVIOUS, RELEASES, installed
from provisioning.artifact.verify import tree
from provisioning.artifact.verify.contents import Finding
from provisioning.artifact.verify.verify import VerifyResult
from provisioning.errors import RefusedError, TargetError
from provisioning.installer.ops import journal
from provisioning.installer.store import owners, releases
from provisioning.installer.store.prefix import looked_at, opened
from provisioning.installer.store.releases import packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from provisioning.artifact.verify.tree import Comparison
    from provisioning.installer.ops.journal import Event, Record
    from provisioning.installer.store.owners import Ids
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release


def inspect(root: Path, prefix: str) -> VerifyResult:
    """Compare the current release of a package, and what lies beside it, with its manifest.

    A configuration file may be edited or deleted. What cannot be read is a finding.
    """
    try:
        with opened(root, prefix) as home:
            current = releases.at(home, CURRENT)
            if not current:
                return VerifyResult(prefix, None, (Finding(prefix, "nothing is installed"),))
            release = releases.read(home, current)
            package = release.package
            found = _compare(home, release)
            return VerifyResult(
                f"{package.name} {package.version}",
                release.manifest,
                (*found.findings, *_beside(home, release)),
                found.byte_code,
            )
    except RefusedError as error:
        return VerifyResult(prefix, None, (Finding(*str(error).split(": ", 1)),))


def _compare(home: Home, release: Release) -> Comparison:
    """Compare a release in a prefix with its manifest, for any user.

    Owners do not count where they could not be given.
    """
    whose, layout = _whose(home, release), release.layout
    if whose != owners.own():  # guard: prefix-of-another-user
        layout = owners.numbered(installed(release.data, release.manifest.entries), whose)
    where = home.path / release.path
    return tree.compare_entries(layout.release, where, owners=whose is None)


def _whose(home: Home, release: Release) -> Ids | None:
    """Who owns all files of a release; None if they have the owners that the package names."""
    last = journal.last_of(journal.known(home) or (), release.name)
    status = home.directory.status(release.path)
    if status is None or (last.owned if last else status.st_uid == 0):
        return None
    return str(status.st_uid), str(status.st_gid)


def is_prefix(path: str) -> bool:
    """Whether a package is installed at a path."""
    return os.path.islink(f"{path}/{CURRENT}") and os.path.isdir(f"{path}/{RELEASES}")


def prefix_above(path: str) -> str:
    """Return the prefix of the release at a path; "" if there is no release."""
    releases_above, name = os.path.split(os.path.realpath(path))
    above, called = os.path.split(releases_above)
    return above if called == RELEASES and name and is_prefix(above) else ""


def _beside(home: Home, release: Release) -> Iterator[Finding]:
    for entry in release.layout.data:
        fault = _data_fault(f"{home.path / entry.path}")
        if fault:  # guard: data-that-is-missing
            yield Finding(entry.path, fault)
    for entry in release.layout.conffiles:
        try:
            status = home.directory.status(entry.path)
        except PermissionError as error:
            yield Finding(entry.path, f"cannot be read: {reason(error)}")
            continue
        if status and stat.S_IFMT(status.st_mode) not in {stat.S_IFREG, stat.S_IFLNK}:
            yield Finding(entry.path, "is not a file")


def _data_fault(path: str) -> str:
    """What is wrong with a directory of data, or a link to one; "" if nothing is."""
    try:
        return "" if stat.S_ISDIR(os.stat(path).st_mode) else "is missing"
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except OSError as error:
        return f"cannot be read: {reason(error)}"


GOOD, BAD, UNUSED = "good", "did not come up", "was never current"
UNDER_WAY = "is not known to be good yet"
HIDDEN = "known to its owner alone"


def status(root: Path, name: str, prefix: str) -> dict[str, Any]:
    """Return the status of the package in a prefix, for --json. Raises RefusedError."""
    with looked_at(root, prefix) as home:
        current, events = releases.at(home, CURRENT), journal.known(home)
        found = journal.read_record(home) if events is not None else None
        return {
            "name": releases.read(home, current).package.name if current else name,
            "version": releases.version_of(current) if current else "",
            "prefix": prefix,
            "current": current,
            "previous": releases.at(home, PREVIOUS),
            "owned": _owned(home, current, events),
            "interrupted": found.action if found else "" if events is not None else None,
            "releases": [
                {"name": each, "state": _state(events, each, found)}
                for each in releases.names(home)
            ],
        }


def status_of_all(root: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the status of all packages, and why some cannot be read."""
    told, faults = list[dict[str, Any]](), list[str]()
    for name, prefix in packages(root).items():
        try:
            told.append(status(root, name, prefix))
        except (TargetError, OSError) as error:
            where = f"{error.filename}: {reason(error)}" if isinstance(error, OSError) else error
            faults.append(str(where))
    return told, faults


def _owned(home: Home, current: str, events: Sequence[Event] | None) -> bool:
    """Whether the files of the current release have the owners that the package names."""
    last = journal.last_of(events or (), current)
    status = home.directory.status(f"{RELEASES}/{current}") if current and events is None else None
    return last.owned if last else status is None or status.st_uid == 0


def _state(events: Sequence[Event] | None, release: str, under_way: Record | None) -> str:
    if events is None:
        return HIDDEN
    if journal.has_come_up(events, release):
        return GOOD
    if under_way and under_way.new == release:
        return UNDER_WAY
    return BAD if journal.last_of(events, release) else UNUSED
