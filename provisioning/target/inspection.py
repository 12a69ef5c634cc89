"""Knows whether what is installed is still what was installed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from provisioning.artifact import tree
from provisioning.artifact.files import reason
from provisioning.artifact.finding import Finding
from provisioning.artifact.installed import CURRENT, RELEASES, installed
from provisioning.artifact.verify import Report
from provisioning.errors import RefusedError
from provisioning.target import history, owners, releases
from provisioning.target.home import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.tree import Comparison
    from provisioning.target.home import Home
    from provisioning.target.owners import Ids
    from provisioning.target.releases import Release


def inspect(root: Path, prefix: str) -> Report:
    """Hold the current release of a package, and what lies beside it, against its manifest.

    A configuration file may be edited, or deleted. What cannot be read is a finding.
    """
    try:
        with opened(root, prefix) as home:
            current = releases.at(home, CURRENT)
            if not current:
                return Report(prefix, None, (Finding(prefix, "nothing is installed"),))
            release = releases.read(home, current)
            package = release.package
            found = _compare(home, release)
            return Report(
                f"{package.name} {package.version}",
                release.manifest,
                (*found.findings, *_beside(home, release)),
                found.byte_code,
            )
    except RefusedError as error:
        return Report(prefix, None, (Finding(*str(error).split(": ", 1)),))


def _compare(home: Home, release: Release) -> Comparison:
    """Tell how a release that lies in a prefix differs from what it should be, whoever asks.

    Owners do not count where they could not be given.
    """
    whose, layout = _whose(home, release), release.layout
    if whose != owners.own():
        layout = owners.numbered(installed(release.data, release.manifest.entries), whose)
    where = home.path / release.path
    return tree.compare_entries(layout.release, where, owners=whose is None)


def _whose(home: Home, release: Release) -> Ids | None:
    """Whose all files of a release are; None where they were given to whom the package says."""
    last = history.last_of(history.known(home) or (), release.name)
    status = home.directory.status(release.path)
    if status is None or (last.owned if last else status.st_uid == 0):
        return None
    return str(status.st_uid), str(status.st_gid)


def is_prefix(path: str) -> bool:
    """Tell whether a package is installed at a path."""
    return os.path.islink(f"{path}/{CURRENT}") and os.path.isdir(f"{path}/{RELEASES}")


def prefix_above(path: str) -> str:
    """The prefix in which a release lies that is at a path; "" if that is none."""
    releases_above, name = os.path.split(os.path.realpath(path))
    above, called = os.path.split(releases_above)
    return above if called == RELEASES and name and is_prefix(above) else ""


def _beside(home: Home, release: Release) -> Iterator[Finding]:
    for entry in release.layout.data:
        fault = _data_fault(f"{home.path / entry.path}")
        if fault:
            yield Finding(entry.path, fault)
    for entry in release.layout.conffiles:
        try:
            status = home.directory.status(entry.path)
        except PermissionError as error:
            yield Finding(entry.path, f"cannot be looked at: {reason(error)}")
            continue
        if status and stat.S_IFMT(status.st_mode) not in {stat.S_IFREG, stat.S_IFLNK}:
            yield Finding(entry.path, "is no file")


def _data_fault(path: str) -> str:
    """Tell why a directory of data is none, which may be a link to one; "" if it is."""
    try:
        return "" if stat.S_ISDIR(os.stat(path).st_mode) else "is missing"
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except OSError as error:
        return f"cannot be looked at: {reason(error)}"
