"""Knows whether an archive is what its manifest, its index and its sums say."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import archive as names
from provisioning.artifact.contents import Reading
from provisioning.artifact.files import open_regular, reason
from provisioning.artifact.finding import Finding
from provisioning.artifact.sidecars import Sidecars
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.artifact.manifest import Manifest

__all__ = ["Finding", "Report", "check_archive", "check_release", "report"]

_MOST = 1000  # findings: more than anyone reads, and the end of an endless archive


class Report(NamedTuple):
    """What verifying one archive has shown: it is good if there are no findings."""

    archive: str  # its file's name
    manifest: Manifest | None  # None if it could not be read
    findings: tuple[Finding, ...]


def check_archive(
    archive: Path, manifest: bytes | None = None
) -> tuple[Manifest | None, tuple[Finding, ...]]:
    """Read an archive once, to its last byte, and hold each member against the manifest inside.

    That manifest is held against the bytes of `manifest`, if given. Whatever is wrong is a
    finding, even that there is no such file.
    """
    reading, findings, _ = _read(archive)
    if reading and manifest is not None and manifest != reading.data:
        findings.append(Finding(names.MANIFEST, "is not the manifest that was expected"))
    return reading.manifest if reading else None, tuple(findings)


def check_release(path: Path) -> tuple[Finding, ...]:
    """Check a release's directory, or an archive with the sidecars that lie beside it.

    A directory must hold one archive and all of its sidecars: manifest, index and SHA256SUMS.
    """
    return report(path).findings


def report(path: Path) -> Report:
    """Check like `check_release`, and tell what the archive is."""
    if not os.path.isdir(path):  # Path.is_dir() raises where a directory above is forbidden
        return _report(path, complete=False)
    archives = sorted(path.glob(f"*{names.SUFFIX}"))
    if len(archives) == 1:
        return _report(archives[0], complete=True)
    message = f"holds {len(archives)} archives (*{names.SUFFIX}), a release holds one"
    return Report(path.name, None, (Finding(path.name, message),))


def _report(archive: Path, *, complete: bool) -> Report:
    sidecars = Sidecars(archive)
    findings = list(sidecars.read(complete=complete))
    reading, differences, whole = _read(archive, len(sidecars.chunks))
    findings += differences
    if reading and whole:
        findings += sidecars.compare(reading)
    if reading and complete:
        name = names.archive_name(reading.manifest.package)
        if name != archive.name:
            findings.append(Finding(archive.name, f"should be called {name}, says its manifest"))
    return Report(archive.name, reading.manifest if reading else None, tuple(findings))


def _read(archive: Path, most_chunks: int = 0) -> tuple[Reading | None, list[Finding], bool]:
    """Read an archive; tell what was found, and whether it was read to its end."""
    reading, findings = None, []
    try:
        with open_regular(archive) as file:
            reading = Reading(file, most_chunks)
            for finding in islice(reading.findings(), _MOST):
                findings.append(finding)
    except (ArtifactError, OSError) as error:
        findings.append(Finding(archive.name, reason(error)))
        return reading, findings, False
    if len(findings) < _MOST:
        return reading, findings, True
    findings.append(Finding(archive.name, f"has {_MOST} differences; the rest was not read"))
    return reading, findings, False
