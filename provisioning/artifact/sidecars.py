"""Knows the files that lie beside an artifact: the manifest, an index and SHA256SUMS."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from provisioning.artifact import canonical, digest, index
from provisioning.artifact.files import read_bounded, reason
from provisioning.artifact.finding import Finding
from provisioning.artifact.path import MANIFEST, shown
from provisioning.artifact.release import (
    CODECS,
    DIR,
    FORMATS,
    SUMS,
    files,
    format_of,
    index_name,
    manifest_name,
)
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.index import Index
    from provisioning.artifact.manifest import Package
    from provisioning.artifact.whole import Whole

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
                self.index = index.parse(self._data[self._index_name], self._index_name)
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

    def compare(self, actual: Whole) -> Iterator[Finding]:
        """Hold what they say against the artifact, once it has been read to its end."""
        name = manifest_name(actual.package)
        yield from self._read(name, canonical.LIMIT)
        if self._data.get(name, actual.manifest) != actual.manifest:
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

    def _compare_sums(self, sums: bytes, actual: Whole) -> Iterator[Finding]:
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
            needed[name] = digest.of_bytes(self._data[name]) if name in self._data else ""
        for name in sorted({*listed, *needed}):
            if name not in listed:
                yield Finding(SUMS, f"does not list {name}")
            elif name not in needed:
                yield from self._compare_other(name, actual.package)
            elif needed[name] and needed[name] != listed[name]:
                yield Finding(name, f"sha256 {needed[name]}, {SUMS} says {listed[name]}")

    def _compare_other(self, name: str, package: Package) -> Iterator[Finding]:
        """Hold a line of SHA256SUMS against what else a release may hold: other formats."""
        if not any(name in files(package, format) for format in FORMATS):
            yield Finding(SUMS, f"lists {shown(name)}, which is no part of the release")
        elif self._complete and not os.path.lexists(self._artifact.parent / name):
            yield Finding(name, "is missing")
