"""A format that there is not: the manifest behind its length, then the contents of all files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from provisioning.artifact.contents import Finding
from provisioning.artifact.model import manifest
from provisioning.artifact.model.entry import FILE
from provisioning.artifact.tar.chunking import Summary
from provisioning.builder.archive import members

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

    from provisioning.artifact.contents import Write
    from provisioning.artifact.model.package import Package
    from provisioning.artifact.tar.chunking import Index
    from provisioning.builder.archive.format import PackJob
    from provisioning.builder.archive.members import ChunkRun
    from provisioning.builder.workspace.output import Output
    from provisioning.spec.model.variant import Variant


def state(_variant: Variant, package: Package, _: object) -> Package:
    return package


def write(job: PackJob, made: Output) -> None:
    file = made.file(job.place.artifact(job.format))
    file.write(len(job.manifest).to_bytes(8, "big") + job.manifest)
    for each in job.members:
        if each.entry.type == FILE:
            file.writelines(members.blocks_of(each))


def plan(_: PackJob) -> Iterator[ChunkRun]:
    return iter(())


def plan_group(*_: object) -> None:
    return None


class FlatReader:
    def __init__(self, file: FileIO) -> None:
        self._content = file.readall()
        end = 8 + int.from_bytes(self._content[:8], "big")
        self.data, self._rest = self._content[8:end], self._content[end:]
        self.manifest = manifest.parse(self.data, "manifest")

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        at = 0
        for entry in self.manifest.entries:
            content = self._rest[at : at + entry.size] if entry.type == FILE else b""
            at += len(content)
            if entry.type == FILE and hashlib.sha256(content).hexdigest() != entry.digest:
                yield Finding(entry.path, "differs")
            elif write:
                write(entry, [content])

    def summary(self, _: str) -> Summary:
        digest = hashlib.sha256(self._content).hexdigest()
        return Summary(self.data, self.manifest.package, digest, None)

    def prover(self, _: Index | None) -> None:
        return None
