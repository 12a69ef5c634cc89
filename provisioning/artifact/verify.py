"""Knows whether artifacts are what their manifests, their indexes and their sums say."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import digest, tree
from provisioning.artifact.files import open_regular, reason
from provisioning.artifact.finding import Finding
from provisioning.artifact.format import prover, reader
from provisioning.artifact.rehearsal import Rehearsal, differences
from provisioning.artifact.release import DIR, artifact_name, artifacts, format_of
from provisioning.artifact.sidecars import Sidecars
from provisioning.artifact.whole import Whole
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from io import FileIO
    from pathlib import Path

    from provisioning.artifact.format import Prove, Reader
    from provisioning.artifact.index import Index
    from provisioning.artifact.manifest import Manifest
    from provisioning.artifact.rehearsal import Scratch

_MOST = 1000  # findings: more than anyone reads, and the end of an endless archive


class Report(NamedTuple):
    """What verifying one artifact has shown: it is good if there are no findings."""

    artifact: str  # its name
    manifest: Manifest | None  # None if it could not be read
    findings: tuple[Finding, ...]
    byte_code: tuple[str, ...] = ()
    """What Python has left beside its sources where it lies unpacked: no finding."""

    def strict(self) -> Report:
        """The same for whoever wants nothing there that the manifest does not list."""
        return self._replace(
            findings=tuple(sorted((*self.findings, *as_findings(self.byte_code)))), byte_code=()
        )


def as_findings(byte_code: Iterable[str]) -> Iterator[Finding]:
    """Byte code, where it is one difference as any other."""
    return (Finding(path, "is byte code, which the manifest does not list") for path in byte_code)


def verify(path: Path, *, complete: bool = False) -> Report:
    """Verify an artifact: a file, or the directory of a package, as `tar` unpacks it.

    It is read to its last byte, and all that is in it is held against the manifest inside; it is
    held against the sidecars that lie beside it too, which must be there if the release has to be
    `complete`. Whatever is wrong is a finding.
    """
    with Verification(path, complete=complete) as verification:
        findings = tuple(verification.read())
        return Report(path.name, verification.manifest, findings, verification.byte_code)


def verify_release(directory: Path) -> tuple[Report, ...]:
    """Verify all artifacts of a release, which must have all of its sidecars."""
    try:
        found = artifacts(directory)
    except OSError as error:
        found, message = [], reason(error)
    else:
        message = "holds no artifact"
    if not found:
        return (Report(directory.name, None, (Finding(directory.name, message),)),)
    return tuple(verify(each, complete=True) for each in found)


class Verification:
    """What `verify` does, and a rehearsal: the package is unpacked into a scratch directory.

    `read` comes first. If it finds nothing, `rehearse` tells what was unpacked otherwise than the
    manifest says; in between, other processes are busy with that. While others read, `meanwhile`
    may be handed the manifest: whether it is the right one need not wait until it has proved true.
    """

    def __init__(
        self,
        path: Path,
        scratch: Scratch | None = None,
        *,
        complete: bool = False,
        meanwhile: Callable[[Manifest], object] | None = None,
    ) -> None:
        self.name = path.name
        self.manifest: Manifest | None = None
        self.byte_code: tuple[str, ...] = ()
        self._path = path
        self._complete = complete
        self._scratch = scratch
        self._meanwhile = meanwhile
        self._rehearsal: Rehearsal | None = None
        self._open = ExitStack()

    def __enter__(self) -> Verification:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def read(self) -> Iterator[Finding]:
        """Tell what is wrong with the artifact and its sidecars."""
        sidecars = Sidecars(self._path, complete=self._complete)
        yield from sidecars.read()
        whole = yield from self._read(sidecars.index)
        if whole:
            yield from sidecars.compare(whole)
        if self.manifest and self._complete:
            name = artifact_name(self.manifest.package, format_of(self.name) or DIR)
            if name != self.name:
                yield Finding(self.name, f"should be called {name}, says its manifest")

    def rehearse(self) -> Iterator[Finding]:
        """Tell what is wrong with what was unpacked."""
        if os.path.isdir(self._path):
            return  # it is unpacked
        if self._scratch and not (self._rehearsal and self._rehearsal.went_well()):
            self._open.close()
            yield from differences(self._path, self._scratch)

    def _read(self, says: Index | None) -> Generator[Finding, None, Whole | None]:
        """Tell what is wrong with the artifact, of which an index `says` something."""
        try:
            if os.path.isdir(self._path):
                return (yield from self._read_tree())
            with open_regular(self._path) as file:
                return (yield from self._read_file(file, says))
        except (ArtifactError, OSError) as error:
            yield Finding(self.name, reason(error))
            return None

    def _read_tree(self) -> Generator[Finding, None, Whole]:
        data, self.manifest = tree.read_manifest(self._path)
        found = tree.compare(self.manifest, self._path)
        self.byte_code = found.byte_code
        yield from found.findings
        return Whole(data, self.manifest.package, digest.of_bytes(data), None)

    def _read_file(
        self, file: FileIO, says: Index | None
    ) -> Generator[Finding, None, Whole | None]:
        most = len(says.chunks) if says else 0
        reading = reader(file, self.name, most)
        self.manifest = reading.manifest
        proving = prover(file, self.name, reading, says)
        if proving:
            if whole := self._prove(reading, proving):
                return whole
            file.seek(0)
            reading = reader(file, self.name, most)
        if not (yield from self._told(reading.findings())):
            return None
        return reading.whole(self.name)

    def _told(self, findings: Iterator[Finding]) -> Generator[Finding, None, bool]:
        """Tell findings, and whether those were all."""
        for count, finding in enumerate(findings):
            if count == _MOST:
                yield Finding(self.name, f"has {_MOST} differences; the rest was not read")
                return False
            yield finding
        return True

    def _prove(self, reading: Reader, proving: Prove) -> Whole | None:
        meanwhile = partial(self._meanwhile, reading.manifest) if self._meanwhile else None
        if not self._scratch:
            return proving(None, meanwhile)
        try:
            rehearsal = self._open.enter_context(Rehearsal(reading, self._scratch))
            proved = proving(rehearsal.write, meanwhile)
            if proved:
                rehearsal.finish()
                self._rehearsal = rehearsal
        except (ArtifactError, OSError):
            return None
        return proved
