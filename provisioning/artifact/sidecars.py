"""Knows the files that lie beside an archive: its manifest, its index and SHA256SUMS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioning.artifact import canonical, digest, index
from provisioning.artifact.archive import SUFFIX, SUMS, index_name
from provisioning.artifact.files import read_bounded, reason
from provisioning.artifact.finding import Finding
from provisioning.artifact.path import shown
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.index import Index

_LONGEST_SUMS = 64 * 1024
_SUM = re.compile(rb"([0-9a-f]{64})  ([^\r\n]+)\n")  # as sha256sum writes it


class Sidecars:
    """What the files beside an archive say about it. `read` comes first, then `compare`."""

    def __init__(self, archive: Path) -> None:
        stem = archive.name[: -len(SUFFIX)]
        self._archive = archive
        self._index_name = index_name(archive.name)
        self._manifest_name = f"{stem}.manifest.json"
        self._data: dict[str, bytes] = {}
        self.index: Index | None = None  # if there is one that can be read

    def read(self, *, complete: bool) -> Iterator[Finding]:
        """Read what there is; `complete`: all of it has to be there."""
        limits = {self._index_name: canonical.LIMIT, self._manifest_name: canonical.LIMIT}
        for name, limit in {**limits, SUMS: _LONGEST_SUMS}.items():
            try:
                self._data[name] = read_bounded(self._archive.with_name(name), limit)
            except FileNotFoundError:
                if complete:
                    yield Finding(name, "is missing")
            except (OSError, ArtifactError) as error:
                yield Finding(name, reason(error))
        if self._index_name in self._data:
            try:
                self.index = index.parse(self._data[self._index_name], self._index_name)
            except ArtifactError as error:
                yield Finding(*str(error).split(": ", 1))

    def compare(self, manifest: bytes, actual: Index) -> Iterator[Finding]:
        """Hold what they say against an archive that has been read to its end."""
        if self._data.get(self._manifest_name, manifest) != manifest:
            yield Finding(self._manifest_name, "is not the manifest inside the archive")
        if self.index:
            yield from self._compare_index(self.index, actual)
        if SUMS in self._data:
            yield from self._compare_sums(self._data[SUMS], actual.digest)

    def _compare_index(self, says: Index, actual: Index) -> Iterator[Finding]:
        for key, value in says._asdict().items():
            found = getattr(actual, key)
            if key != "chunks" and value != found:
                yield Finding(self._index_name, f"{key} {value}, the archive's is {found}")
        if says.chunks != actual.chunks:
            yield Finding(self._index_name, "its chunks are not those of the archive")

    def _compare_sums(self, sums: bytes, archive_digest: str) -> Iterator[Finding]:
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
        known = (self._archive.name, self._index_name, self._manifest_name)
        for name in sorted({*listed, *known}):
            found = self._digest(name, archive_digest)
            if name not in listed:
                yield Finding(SUMS, f"does not list {name}")
            elif name not in known:
                yield Finding(SUMS, f"lists {shown(name)}, which is no part of the release")
            elif found and found != listed[name]:
                yield Finding(name, f"sha256 {found}, {SUMS} says {listed[name]}")

    def _digest(self, name: str, archive_digest: str) -> str | None:
        if name == self._archive.name:
            return archive_digest
        return digest.of_bytes(self._data[name]) if name in self._data else None
