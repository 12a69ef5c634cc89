"""Knows the files that lie beside an artifact: the manifest, an index and SHA256SUMS."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.extract import Unpacking, unpacking_differences
from provisioning.artifact.filesystem import open_regular, read_bounded, reason
from provisioning.artifact.formats import CODECS, DIR, FORMATS, format_of, reader
from provisioning.artifact.model import canonical
from provisioning.artifact.model.entry import MANIFEST, shown
from provisioning.artifact.model.release import (
    SUMS,
    artifact_name,
    artifacts,
    files,
    index_name,
    manifest_name,
)
from provisioning.artifact.tar import chunking
from provisioning.artifact.tar.chunking import Summary
from provisioning.artifact.verify import tree
from provisioning.artifact.verify.contents import Finding
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from io import FileIO
    from pathlib import Path

    from provisioning.artifact.extract import Scratch
    from provisioning.artifact.formats import Prove, Reader
    from provisioning.artifact.model.manifest import Manifest, Package
    from provisioning.artifact.tar.chunking import Index


_LONGEST_SUMS = 64 * 1024
_SUM = re.compile(rb"([0-9a-f]{64})  ([^\r\n]+)\n")  # as sha256sum writes it


class Sidecars:
    """What the files beside an artifact say about it. `read` comes first, then `compare`.

    `complete`: all of them have to be there.
    """

    def __init__(self, artifact: Path, *, complete: bool) -> None:
        self._artifact = artifact
        self._complete = complete
        format = format_of(artifact.name) or DIR
        self._index_name = index_name(artifact.name) if format in CODECS else ""
        self._listed_as = f"{artifact.name}/{MANIFEST}" if format == DIR else artifact.name
        self._data: dict[str, bytes] = {}
        self.index: Index | None = None  # if there is one that can be read

    def read(self) -> Iterator[Finding]:
        """Read what can be read before the artifact is."""
        yield from self._read(SUMS, _LONGEST_SUMS)
        if self._index_name:
            yield from self._read(self._index_name, canonical.LIMIT)
        if self._index_name in self._data:
            try:
                self.index = chunking.parse(self._data[self._index_name], self._index_name)
            except ArtifactError as error:
                yield Finding(*str(error).split(": ", 1))

    def _read(self, name: str, limit: int) -> Iterator[Finding]:
        try:
            self._data[name] = read_bounded(self._artifact.with_name(name), limit)
        except FileNotFoundError:
            if self._complete:
                yield Finding(name, "is missing")
        except (OSError, ArtifactError) as error:
            yield Finding(name, reason(error))

    def compare(self, actual: Summary) -> Iterator[Finding]:
        """Hold what they say against the artifact, once it has been read to its end."""
        name = manifest_name(actual.package)
        yield from self._read(name, canonical.LIMIT)
        if self._data.get(name, actual.manifest) != actual.manifest:  # guard: sidecar-manifest
            yield Finding(name, "is not the manifest inside the archive")
        if self.index and actual.indexed:
            yield from self._compare_index(self.index, actual.indexed)
        if SUMS in self._data:
            yield from self._compare_sums(self._data[SUMS], actual)

    def _compare_index(self, says: Index, actual: Index) -> Iterator[Finding]:
        for key, value in says._asdict().items():
            found = getattr(actual, key)
            if key != "chunks" and value != found:
                yield Finding(self._index_name, f"{key} {value}, the archive's is {found}")
        if says.chunks != actual.chunks:
            yield Finding(self._index_name, "its chunks are not those of the archive")

    def _compare_sums(self, sums: bytes, actual: Summary) -> Iterator[Finding]:
        """Do what `sha256sum -c` does, and demand that nothing is left out."""
        listed = {}
        for number, line in enumerate(sums.splitlines(keepends=True), 1):
            match = _SUM.fullmatch(line)
            name = match[2].decode(errors="replace") if match else ""
            if not match:
                yield Finding(SUMS, f"line {number}: is not a SHA-256, two spaces and a name")
            elif name in listed:
                yield Finding(SUMS, f"line {number}: lists {shown(name)} again")
            else:
                listed[name] = match[1].decode()
        needed = {self._listed_as: actual.digest}
        for name in filter(None, (self._index_name, manifest_name(actual.package))):
            needed[name] = filesystem.of_bytes(self._data[name]) if name in self._data else ""
        for name in sorted({*listed, *needed}):
            if name not in listed:
                yield Finding(SUMS, f"does not list {name}")
            elif name not in needed:
                yield from self._compare_other(name, actual.package)
            elif needed[name] and needed[name] != listed[name]:  # guard: sum-that-differs
                yield Finding(name, f"sha256 {needed[name]}, {SUMS} says {listed[name]}")

    def _compare_other(self, name: str, package: Package) -> Iterator[Finding]:
        """Hold a line of SHA256SUMS against what else a release may hold: other formats."""
        if not any(name in files(package, format) for format in FORMATS):
            yield Finding(SUMS, f"lists {shown(name)}, which is no part of the release")
        elif self._complete and not os.path.lexists(self._artifact.parent / name):
            yield Finding(name, "is missing")


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
        self._unpacking: Unpacking | None = None
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
        if self._scratch and not (self._unpacking and self._unpacking.went_well()):
            self._open.close()
            yield from unpacking_differences(self._path, self._scratch)

    def _read(self, says: Index | None) -> Generator[Finding, None, Summary | None]:
        """Tell what is wrong with the artifact, of which an index `says` something."""
        try:
            if os.path.isdir(self._path):
                return (yield from self._read_tree())
            with open_regular(self._path) as file:
                return (yield from self._read_file(file, says))
        except (ArtifactError, OSError) as error:
            yield Finding(self.name, reason(error))
            return None

    def _read_tree(self) -> Generator[Finding, None, Summary]:
        data, self.manifest = tree.read_manifest(self._path)
        found = tree.compare(self.manifest, self._path)
        self.byte_code = found.byte_code
        yield from found.findings
        return Summary(data, self.manifest.package, filesystem.of_bytes(data), None)

    def _read_file(
        self, file: FileIO, says: Index | None
    ) -> Generator[Finding, None, Summary | None]:
        most = len(says.chunks) if says else 0
        reading = reader(file, self.name, most)
        self.manifest = reading.manifest
        proving = reading.prover(says and says._replace(archive=self.name))
        if proving:
            if whole := self._prove(reading, proving):
                return whole
            file.seek(0)
            reading = reader(file, self.name, most)
        if not (yield from self._told(reading.findings())):
            return None
        return reading.summary(self.name)

    def _told(self, findings: Iterator[Finding]) -> Generator[Finding, None, bool]:
        """Tell findings, and whether those were all."""
        for count, finding in enumerate(findings):
            if count == _MOST:  # guard: most-zip-members
                yield Finding(self.name, f"has {_MOST} differences; the rest was not read")
                return False
            yield finding
        return True

    def _prove(self, reading: Reader, proving: Prove) -> Summary | None:
        meanwhile = partial(self._meanwhile, reading.manifest) if self._meanwhile else None
        if not self._scratch:
            return proving(None, meanwhile)
        try:
            unpacking = self._open.enter_context(Unpacking(reading, self._scratch))
            proved = proving(unpacking.write, meanwhile)
            if proved:
                unpacking.finish()
                self._unpacking = unpacking
        except (ArtifactError, OSError):
            return None
        return proved
