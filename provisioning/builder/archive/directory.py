"""The format `dir`: a plain directory, to look at or to copy with rsync."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provisioning.artifact.extract import TreeWriter
from provisioning.artifact.model.entry import FILE
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.archive import EPOCH
from provisioning.builder.archive import members
from provisioning.builder.archive.format import mtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.model.package import Package
    from provisioning.builder.archive.format import PackJob
    from provisioning.builder.archive.members import ChunkRun
    from provisioning.builder.workspace.output import Output
    from provisioning.spec.model.variant import Variant


def state(_variant: Variant, package: Package, _: object) -> Package:
    """A directory adds nothing to the package."""
    return package


def write(job: PackJob, made: Output) -> None:
    """Make the directory NAME, as `tar` would unpack it, except for owners."""
    collected = list(job.members)
    reserved = archive.reserved(job.manifest)
    entries = (*reserved, *(each.entry for each in collected))
    root = made.directory(job.place.artifact(job.format))
    with TreeWriter(root, entries) as writer:
        writer.write(reserved[1], [job.manifest])
        for each in collected:
            if each.entry.type == FILE:
                writer.write(each.entry, members.blocks_of(each))
        writer.finish()
    root.chmod(0o755)  # whatever the umask is
    for entry in entries:
        _set_time(root / entry.path, mtime(job.variant, entry))
    _set_time(root, EPOCH)


def plan(_: PackJob) -> Iterator[ChunkRun]:
    """A directory does not consist of chunks."""
    return iter(())


def plan_group(*_: object) -> None:
    """A directory does not consist of chunks."""


def _set_time(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds), follow_symlinks=False)
