"""The formats `tar.gz`, `tar.zst` and `tar.xz`: compressed chunks, with an index of them beside."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.model.release import index_name
from provisioning.artifact.tar import archive, chunking
from provisioning.artifact.tar.chunking import LEVEL_OF, LEVELS, Chunk, Index
from provisioning.builder.archive import members
from provisioning.builder.archive.encoders import encoder_of
from provisioning.builder.archive.format import is_by_content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.model.package import Package
    from provisioning.builder.archive.format import PackJob
    from provisioning.builder.archive.groups import Group
    from provisioning.builder.archive.members import ChunkRun, Read
    from provisioning.builder.workspace.output import Output
    from provisioning.spec.model.variant import Variant


def state(_variant: Variant, package: Package, _: object) -> Package:
    """A tar adds nothing to the package."""
    return package


def write(job: PackJob, made: Output) -> None:
    """Make NAME-VERSION-PLATFORM.tar.gz, or another tar of chunks, and its index."""
    path = job.place.artifact(job.format)
    codec = encoder_of(job.variant, job.format).codec
    file, digest = made.file(path), hashlib.sha256()
    chunks: list[Chunk] = []
    size = tar_size = 0
    with closing(job.chunks(plan(job), LEVELS[LEVEL_OF[codec]].max)) as compressed:
        for each in compressed:
            data = each.packed.data
            file.write(data)
            digest.update(data)
            chunk = Chunk(
                offset=size,
                length=len(data),
                tar_offset=tar_size,
                tar_length=each.tar_length,
                digest=each.packed.digest.hex(),
                tar_digest=each.packed.tar_digest.hex(),
            )
            size += chunk.length
            tar_size += chunk.tar_length
            chunks.append(chunk)
    index = Index(
        archive=path.name,
        size=size,
        digest=digest.hexdigest(),
        tar_size=tar_size,
        tar_digest=chunking.tar_digest(chunks),
        manifest_digest=filesystem.of_bytes(job.manifest),
        codec=codec,
        chunks=tuple(chunks),
    )
    made.digests[path] = index.digest
    made.file(path.with_name(index_name(path.name))).write(chunking.dump(index))


def plan(job: PackJob) -> Iterator[ChunkRun]:
    """The chunks of the archive, in order; no source is read yet."""
    encoder = encoder_of(job.variant, job.format)
    yield from members.plan_tar(job.manifest, job.groups, _spelling(job.variant), encoder)
    yield members.run_of_bytes(archive.END, encoder)


def plan_group(variant: Variant, format: str, group: Group, read: Read) -> ChunkRun:
    """The chunks that hold a group, whose small files `read` reads."""
    return members.plan_group(group, _spelling(variant), encoder_of(variant, format), read)


def _spelling(variant: Variant) -> archive.Posix:
    return archive.Posix(variant.name, by_content=is_by_content(variant))
