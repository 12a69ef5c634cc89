"""Knows whether a release is what its manifest, its index and its sums say."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.archive import SUFFIX, archive_name
from provisioning.artifact.contents import Reading
from provisioning.artifact.files import open_regular, reason
from provisioning.artifact.finding import Finding
from provisioning.artifact.proof import prove
from provisioning.artifact.rehearsal import Rehearsal, differences
from provisioning.artifact.sidecars import Sidecars
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from io import FileIO
    from pathlib import Path

    from provisioning.artifact.index import Index
    from provisioning.artifact.manifest import Manifest
    from provisioning.artifact.rehearsal import Scratch

    Whole = tuple[bytes, Index]  # the manifest and the index of an archive read to its end

_MOST = 1000  # findings: more than anyone reads, and the end of an endless archive


class Report(NamedTuple):
    """What verifying one release has shown: it is good if there are no findings."""

    archive: str  # its file's name
    manifest: Manifest | None  # None if it could not be read
    findings: tuple[Finding, ...]


def verify(path: Path) -> Report:
    """Verify a release's directory, or an archive with the sidecars that lie beside it.

    A directory must hold one archive and all of its sidecars: manifest, index and SHA256SUMS. An
    archive is held against those that there are. It is read to its last byte, and each member is
    held against the manifest inside. Whatever is wrong is a finding.
    """
    with Verification(path) as verification:
        findings = tuple(verification.read())
        return Report(verification.name, verification.manifest, findings)


class Verification:
    """What `verify` does, and a rehearsal: the package is unpacked into a scratch directory.

    `read` comes first. If it finds nothing, `rehearse` tells what was unpacked otherwise than the
    manifest says; in between, other processes are busy with that.
    """

    def __init__(self, path: Path, scratch: Scratch | None = None) -> None:
        self.name = path.name
        self.manifest: Manifest | None = None
        self._path = path
        self._scratch = scratch
        self._rehearsal: Rehearsal | None = None
        self._open = ExitStack()

    def __enter__(self) -> Verification:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def read(self) -> Iterator[Finding]:
        """Tell what is wrong with the archive and its sidecars."""
        try:
            self._path, complete = _locate(self._path)
        except ArtifactError as error:
            yield Finding(self.name, str(error))
            return
        self.name = self._path.name
        sidecars = Sidecars(self._path)
        yield from sidecars.read(complete=complete)
        whole = yield from self._read(sidecars.index)
        if whole:
            yield from sidecars.compare(*whole)
        if self.manifest and complete:
            name = archive_name(self.manifest.package)
            if name != self.name:
                yield Finding(self.name, f"should be called {name}, says its manifest")

    def rehearse(self) -> Iterator[Finding]:
        """Tell what is wrong with what was unpacked."""
        if self._scratch and not (self._rehearsal and self._rehearsal.went_well()):
            self._open.close()
            yield from differences(self._path, self._scratch)

    def _read(self, says: Index | None) -> Generator[Finding, None, Whole | None]:
        """Tell what is wrong with the archive, of which an index `says` something."""
        chunks = len(says.chunks) if says else 0
        try:
            with open_regular(self._path) as file:
                reading = Reading(file, chunks)
                self.manifest = reading.manifest
                proved = says and self._prove(file, reading, says)
                if proved:
                    return reading.data, proved._replace(archive=self.name)
                file.seek(0)
                reading = Reading(file, chunks)
                for count, finding in enumerate(reading.findings()):
                    if count == _MOST:
                        message = f"has {_MOST} differences; the rest was not read"
                        yield Finding(self.name, message)
                        return None
                    yield finding
                return reading.data, reading.index(self.name)
        except (ArtifactError, OSError) as error:
            yield Finding(self.name, reason(error))
            return None

    def _prove(self, file: FileIO, reading: Reading, says: Index) -> Index | None:
        if not self._scratch:
            return prove(file, reading, says)
        try:
            rehearsal = self._open.enter_context(Rehearsal(reading, self._scratch))
            proved = prove(file, reading, says, rehearsal.write)
            if proved:
                rehearsal.finish()
                self._rehearsal = rehearsal
        except (ArtifactError, OSError):
            return None
        return proved


def _locate(path: Path) -> tuple[Path, bool]:
    """Find an archive; tell whether its sidecars have to be there."""
    if not os.path.isdir(path):  # Path.is_dir() raises where a directory above is forbidden
        return path, False
    archives = sorted(path.glob(f"*{SUFFIX}"))
    if len(archives) != 1:
        raise ArtifactError(f"holds {len(archives)} archives (*{SUFFIX}), a release holds one")
    return archives[0], True
