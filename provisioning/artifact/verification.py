"""Verifies artifacts: all that is in one, and the files beside it, against its manifest."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import contents, filesystem
from provisioning.artifact.contents import Finding
from provisioning.artifact.extract import Unpacking, unpacking_differences
from provisioning.artifact.filesystem import open_regular, read_bounded, reason
from provisioning.artifact.formats import CODECS, DIR, FORMATS, format_of, reader
from provisioning.artifact.model import canonical, sums
from provisioning.artifact.model.entry import MANIFEST, shown
from provisioning.artifact.model.release import (
    artifact_name,
    artifacts,
    bill_name,
    files,
    index_name,
    manifest_name,
    provenance_name,
)
from provisioning.artifact.model.sums import SUMS
from provisioning.artifact.tar import chunking
from provisioning.artifact.tar.chunking import Summary
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from io import FileIO
    from pathlib import Path

    from provisioning.artifact.extract import Scratch
    from provisioning.artifact.formats import Prove, Reader
    from provisioning.artifact.model.manifest import Manifest, Package
    from provisioning.artifact.signature.signed_release import SignedRelease, Trust
    from provisioning.artifact.tar.chunking import Index

_MOST = 1000  # findings: more than anyone reads, and the end of an endless archive


class VerifyResult(NamedTuple):
    """The result of verifying one artifact: it is good if there are no findings."""

    artifact: str  # its name
    manifest: Manifest | None  # None if it could not be read
    findings: tuple[Finding, ...]
    byte_code: tuple[str, ...] = ()
    """Byte code that Python has left in an unpacked package: no findings."""
    signer: str = ""
    """Whose key has signed it, if that was asked for."""

    def strict(self) -> VerifyResult:
        """The same, with byte code among the findings."""
        return self._replace(
            findings=tuple(sorted((*self.findings, *as_findings(self.byte_code)))), byte_code=()
        )


def as_findings(byte_code: Iterable[str]) -> Iterator[Finding]:
    """A finding for each file of byte code."""
    return (Finding(path, "is byte code, which the manifest does not list") for path in byte_code)


def verify(path: Path, *, complete: bool = False, trust: Trust | None = None) -> VerifyResult:
    """Verify an artifact: a file, or the directory of a package, as `tar` unpacks it.

    It is read to its last byte, and all that is in it is compared with the manifest inside, and
    with the sidecars beside it. Those must all be there if the release has to be `complete`. With
    `trust`, it is read only if a trusted key has signed it.
    """
    with Verification(path, complete=complete, trust=trust) as verification:
        findings = tuple(verification.read())
        by = str(verification.signed.signer) if verification.signed else ""
        found = verification.manifest
        return VerifyResult(path.name, found, findings, verification.byte_code, by)


def verify_release(directory: Path, trust: Trust | None = None) -> tuple[VerifyResult, ...]:
    """Verify all artifacts of a release, which must have all of its sidecars."""
    try:
        found = artifacts(directory)
    except OSError as error:
        found, message = [], reason(error)
    else:
        message = "holds no artifact"
    if not found:
        return (VerifyResult(directory.name, None, (Finding(directory.name, message),)),)
    return tuple(verify(each, complete=True, trust=trust) for each in found)


class Verification:
    """One verification, and a trial: the package is unpacked into a scratch directory.

    Call `read` first. If it finds nothing, `try_unpacking` yields what was unpacked differently; in
    between, other processes compare. `meanwhile` gets the manifest while others read: what depends
    on it need not wait until it has been proved.
    """

    def __init__(
        self,
        path: Path,
        scratch: Scratch | None = None,
        *,
        complete: bool = False,
        trust: Trust | None = None,
        meanwhile: Callable[[Manifest], object] | None = None,
    ) -> None:
        self.name = path.name
        self.signed: SignedRelease | None = None
        self.manifest: Manifest | None = None
        self.byte_code: tuple[str, ...] = ()
        self._path = path
        self._complete = complete
        self._trust = trust
        self._scratch = scratch
        self._meanwhile = meanwhile
        self._unpacking: Unpacking | None = None
        self._open = ExitStack()

    def __enter__(self) -> Verification:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def read(self) -> Iterator[Finding]:
        """What is wrong with the artifact and its sidecars."""
        try:
            self.signed = demand_signed(self._path, self._trust)
        # guard: signature-comes-first
        except (ArtifactError, OSError) as error:
            yield Finding(self.name, reason(error))
            return
        sidecars = Sidecars(self._path, complete=self._complete)
        summary: Summary | None = None
        yield from sidecars.read()
        try:
            if os.path.isdir(self._path):
                summary = yield from self._read_tree()
            else:
                with open_regular(self._path) as file:
                    if self.signed:
                        self.signed.demand_digest(filesystem.of_open(file), self.name)
                    summary = yield from self._read_file(file, sidecars.index)
        except (ArtifactError, OSError) as error:
            yield Finding(self.name, reason(error))
        if summary:
            yield from self._unsigned(summary)
            yield from sidecars.compare(summary)
        if self.manifest and self._complete:
            name = artifact_name(self.manifest.package, format_of(self.name) or DIR)
            if name != self.name:
                yield Finding(self.name, f"should be called {name} according to its manifest")

    def _unsigned(self, found: Summary) -> Iterator[Finding]:
        """What was read, if it is not what was signed."""
        if self.signed:
            try:
                self.signed.demand_manifest(found.manifest)
                self.signed.demand_package(found.package)
            except ArtifactError as error:
                yield Finding(self.name, str(error))

    def _read_tree(self) -> Generator[Finding, None, Summary]:
        if self.signed:
            self.signed.demand_manifest(read_bounded(self._path / MANIFEST, canonical.LIMIT))
        data, self.manifest = contents.read_manifest(self._path)
        found = contents.compare(self.manifest, self._path)
        self.byte_code = found.byte_code
        yield from found.findings
        return Summary(data, self.manifest.package, filesystem.of_bytes(data), None)

    def _read_file(
        self, file: FileIO, index: Index | None
    ) -> Generator[Finding, None, Summary | None]:
        """Prove the file on all processors; if that fails, read it in one pass to say why."""
        most = len(index.chunks) if index else 0
        reading = reader(file, self.name, most)
        self.manifest = reading.manifest
        if prove := reading.prover(index and index._replace(archive=self.name)):
            if proved := self._prove(reading, prove):
                return proved
            file.seek(0)
            reading = reader(file, self.name, most)
        for count, finding in enumerate(reading.findings()):
            if count == _MOST:  # guard: most-zip-members
                yield Finding(self.name, f"has {_MOST} differences; the rest was not read")
                return None
            yield finding
        return reading.summary(self.name)

    def _prove(self, reading: Reader, prove: Prove) -> Summary | None:
        meanwhile = partial(self._meanwhile, reading.manifest) if self._meanwhile else None
        if not self._scratch:
            return prove(None, meanwhile)
        try:
            unpacking = self._open.enter_context(Unpacking(reading, self._scratch))
            proved = prove(unpacking.write, meanwhile)
            if proved:
                unpacking.finish()
                self._unpacking = unpacking
        except (ArtifactError, OSError):
            return None
        return proved

    def try_unpacking(self) -> Iterator[Finding]:
        """What is wrong with what was unpacked."""
        if os.path.isdir(self._path):
            return  # it is unpacked
        if self._scratch and not (self._unpacking and self._unpacking.went_well()):
            self._open.close()
            yield from unpacking_differences(self._path, self._scratch)


def demand_signed(path: Path, trust: Trust | None) -> SignedRelease | None:
    """What a trusted key has signed of an artifact; None if nobody is asked.

    Raises ArtifactError, and OSError.
    """
    if trust is None:
        return None
    # Imported here: a cost for those who trust keys.
    from provisioning.artifact.signature.signed_release import read_signed  # noqa: PLC0415

    return read_signed(path, trust)


class Sidecars:
    """The files beside an artifact: manifest, index and SHA256SUMS. Call `read`, then `compare`.

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
        """Read SHA256SUMS and the index."""
        yield from self._read(SUMS, sums.LONGEST)
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
        """Compare them with an artifact that has been read to its end."""
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

    def _compare_sums(self, data: bytes, actual: Summary) -> Iterator[Finding]:
        """As `sha256sum -c`, and every file must be listed."""
        found, faults = sums.parse(data)
        listed = found.files
        yield from (Finding(SUMS, each) for each in faults)
        needed = {self._listed_as: actual.digest}
        for name in filter(None, (self._index_name, manifest_name(actual.package))):
            needed[name] = filesystem.of_bytes(self._data[name]) if name in self._data else ""
        for name in sorted({*listed, *needed}):
            if name not in listed:
                yield Finding(SUMS, f"does not list {name}")
            elif name not in needed:
                yield from self._compare_other(name, listed[name], actual.package)
            elif needed[name] and needed[name] != listed[name]:  # guard: sum-that-differs
                yield Finding(name, f"sha256 {needed[name]}, {SUMS} says {listed[name]}")

    def _compare_other(self, name: str, digest: str, package: Package) -> Iterator[Finding]:
        """Check that another file that SHA256SUMS lists exists and belongs to the release."""
        if name in {provenance_name(package), bill_name(package)}:
            yield from self._compare_statement(name, digest)
        elif not any(name in files(package, format) for format in FORMATS):
            yield Finding(SUMS, f"lists {shown(name)}, which is not part of the release")
        elif self._complete and not os.path.lexists(self._artifact.parent / name):
            yield Finding(name, "is missing")

    def _compare_statement(self, name: str, digest: str) -> Iterator[Finding]:
        """Check a file that says something about the release, and is no part of a package."""
        yield from self._read(name, canonical.LIMIT)
        found = filesystem.of_bytes(self._data[name]) if name in self._data else digest
        if found != digest:  # guard: statement-that-differs
            yield Finding(name, f"sha256 {found}, {SUMS} says {digest}")
