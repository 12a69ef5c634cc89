"""Knows whether a directory holds exactly the package that a manifest describes."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from provisioning.artifact import archive, digest, manifest
from provisioning.artifact.entry import DIR, FILE, LINK, Entry
from provisioning.artifact.files import reason
from provisioning.artifact.finding import Finding, content_difference, differences
from provisioning.artifact.owner import owner_ids
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.manifest import Manifest

_TYPES = {
    stat.S_IFREG: FILE,
    stat.S_IFDIR: DIR,
    stat.S_IFLNK: LINK,
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}


def compare(parsed: Manifest, root: Path, *, own: bool = False) -> tuple[Finding, ...]:
    """Hold what `extract` wrote into `root` against the manifest; `own`: the owners, too.

    No link is followed, and nothing is written. What cannot be read is a finding.
    """
    findings: list[Finding] = []
    found = {entry.path: entry for entry in _walk(root, findings)}
    for entry in (*archive.reserved(manifest.dump(parsed)), *parsed.entries):
        actual = found.pop(entry.path, None)
        if actual is None:
            findings.append(Finding(entry.path, "is missing"))
            continue
        findings += differences(actual, entry, own=False)
        if own:
            findings += _owner_difference(actual, entry)
        if (actual.type, actual.size) == (FILE, entry.size):
            findings += _content_difference(root, actual, entry)
    findings += [Finding(path, "is not in the manifest") for path in found]
    return tuple(sorted(findings))


def _walk(root: Path, findings: list[Finding]) -> Iterator[Entry]:
    below = [""]
    while below:
        directory = below.pop()
        try:
            with os.scandir(root / directory) as items:
                for item in items:
                    entry = _entry(item, f"{directory}/{item.name}" if directory else item.name)
                    yield entry
                    if entry.type == DIR:
                        below.append(entry.path)
        except OSError as error:
            findings.append(Finding(directory or str(root), f"cannot be read: {reason(error)}"))


def _entry(item: os.DirEntry[str], path: str) -> Entry:
    status = item.stat(follow_symlinks=False)
    kind = _TYPES.get(stat.S_IFMT(status.st_mode), "unknown")
    return Entry(
        path,
        kind,
        0o777 if kind == LINK else stat.S_IMODE(status.st_mode),  # a link has its system's mode
        str(status.st_uid),
        str(status.st_gid),
        status.st_size if kind == FILE else 0,
        link=os.readlink(item.path) if kind == LINK else "",
    )


def _owner_difference(actual: Entry, entry: Entry) -> Iterator[Finding]:
    found, says = f"{actual.owner}:{actual.group}", f"{entry.owner}:{entry.group}"
    try:
        if owner_ids(entry) != owner_ids(actual):
            yield Finding(entry.path, f"owner {found}, the manifest says {says}")
    except ArtifactError as error:
        yield Finding(entry.path, str(error))


def _content_difference(root: Path, actual: Entry, entry: Entry) -> Iterator[Finding]:
    try:
        yield from content_difference(digest.of_file(root / entry.path), actual, entry)
    except OSError as error:
        yield Finding(entry.path, f"cannot be read: {reason(error)}")
