"""The format `deb`: a Debian package, which dpkg and apt install (deb(5))."""

from __future__ import annotations

import hashlib
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.deb import containers, control
from provisioning.artifact.deb.containers import Gnu
from provisioning.artifact.deb.control import CONTROL, is_embedded
from provisioning.artifact.model.manifest import Manifest
from provisioning.builder.archive import members
from provisioning.builder.archive.compress import compress_runs
from provisioning.builder.archive.debian import extras
from provisioning.builder.archive.debian.extras import DebSource
from provisioning.builder.archive.debian.fields import depending
from provisioning.builder.archive.debian.libraries import relations
from provisioning.builder.archive.debian.scripts import scripts
from provisioning.builder.archive.encoders import encoder, encoder_of, stream_compressor_of
from provisioning.builder.archive.format import MadeChunk, is_by_content
from provisioning.builder.archive.members import ChunkRun
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from provisioning.artifact.model.package import Package
    from provisioning.builder.archive.format import PackJob
    from provisioning.builder.archive.groups import Group
    from provisioning.builder.archive.members import Read
    from provisioning.builder.collect.collect import Collected
    from provisioning.builder.workspace.output import Output
    from provisioning.spec.model.variant import Variant

    Bytes = bytes | bytearray | memoryview

_CONTROL = members.MemberRange(containers.CONTROL, containers.CONTROL, 1)
_CHUNKED = "gzip"  # of several streams, dpkg reads the first alone where they are xz or zstd


def state(
    variant: Variant, package: Package, collected: Callable[[], Iterable[Collected]]
) -> Package:
    """The package with what its code needs of Debian, and digests of what a Debian package adds.

    Reads hooks, and whatever else a Debian package holds a second time.
    """
    entries = tuple(collected())
    package = depending(package, relations(variant, entries))
    return package._replace(debian_files=files(described(package, entries)))


def write(job: PackJob, made: Output) -> None:
    """Make NAME_VERSION_ARCH.deb."""
    # A listing makes its members again at each use, and here are many uses.
    job = job._replace(groups=[each._replace(members=[*each.members]) for each in job.groups])
    path = job.place.artifact(job.format)
    about = described(job.place.package, job.members)
    added = extras.contents(about)
    runs = _runs(job, about, added)
    codec = encoder_of(job.variant, job.format).codec
    file = made.file(path)
    file.write(containers.beginning(_control(job, about, added)))
    start, size = file.tell(), 0
    file.write(containers.ar_header(containers.DATA[codec], 0))
    with closing(_chunked(job, runs) if codec == _CHUNKED else _stream(job, runs)) as data:
        for each in data:
            size += file.write(each)
    file.write(containers.padding(size))
    if size > containers.LARGEST:
        raise BuildError(f"{path}: contains {size} bytes of data, more than a deb can hold")
    file.seek(start)
    file.write(containers.ar_header(containers.DATA[codec], size))


def plan(job: PackJob) -> Iterator[ChunkRun]:
    """The chunks of the files that it installs, in order; none where they are one stream.

    Only sources that define what the package does, such as hooks, are read. The contents of the
    control files' chunk are known only once all others are.
    """
    if encoder_of(job.variant, job.format).codec == _CHUNKED:
        about = described(job.place.package, job.members)
        yield from _runs(job, about, extras.contents(about))


def plan_group(variant: Variant, format: str, group: Group, read: Read) -> ChunkRun | None:
    """The chunks that hold a group, whose small files `read` reads; None in one stream."""
    encoder = encoder_of(variant, format)
    if encoder.codec != _CHUNKED:
        return None
    return members.plan_group(group, _spelling(variant), encoder, read)


def described(package: Package, collected: Iterable[Collected]) -> DebSource:
    """What a Debian package of these entries is made of."""
    collected = tuple(collected)
    texts = {
        entry.path: members.read_verified(entry, source)
        for entry, source, *_ in collected
        if is_embedded(entry)
    }
    return DebSource(Manifest(package, tuple(each.entry for each in collected)), texts)


def files(about: DebSource) -> tuple[tuple[str, str], ...]:
    """The digests of what this version of the builder adds, as the manifest states them."""
    found = {f"{CONTROL}{name}": text.encode() for name, text in scripts(about).items()}
    found.update((path[2:], held) for path, held in extras.contents(about).items())
    return tuple(sorted((name, filesystem.of_bytes(held)) for name, held in found.items()))


def _runs(job: PackJob, about: DebSource, added: Mapping[str, bytes]) -> Iterator[ChunkRun]:
    """The runs of the data member."""
    encoder = encoder_of(job.variant, job.format)
    yield from members.plan_tar(job.manifest, job.groups, _spelling(job.variant), encoder)
    ending, paths = extras.ending(about.manifest, added), [*added]
    held = members.MemberRange(paths[0], paths[-1], len(paths)) if paths else members.NO_MEMBER
    yield members.run_of_bytes(ending, encoder, held)


def _spelling(variant: Variant) -> Gnu:
    return Gnu(variant.prefix, by_content=is_by_content(variant))


def _chunked(job: PackJob, runs: Iterable[ChunkRun]) -> Generator[Bytes, None, None]:
    with closing(job.chunks(runs)) as chunks:
        for each in chunks:
            yield each.packed.data


def _stream(job: PackJob, runs: Iterable[ChunkRun]) -> Generator[Bytes, None, None]:
    stream, taken, out = stream_compressor_of(job.variant, job.format), 0, 0
    for piece in chain.from_iterable(run.read() for run in runs):
        packed = stream.compress(piece)
        taken, out = taken + len(piece), out + len(packed)
        yield packed
    packed = stream.flush()
    held = members.member_range([*job.members])
    job.stats.add(MadeChunk(job.format, *held, taken, out + len(packed)))
    yield packed


def _control(job: PackJob, about: DebSource, added: Mapping[str, bytes]) -> bytes:
    held = control.files(about.manifest, job.manifest, extras.measured(added), _sums(job))
    tar = control.spell(held, scripts(about))
    run = members.run_of_bytes(tar, encoder("gzip"), _CONTROL)
    return b"".join(_chunked(job, [run]))


def _sums(job: PackJob) -> Iterator[bytes]:
    """The lines of `md5sums`; the store keeps them too, so that no source is read again."""
    prefix = job.variant.prefix
    runs = (_sum_run(group, prefix) for group in job.groups)
    with closing(compress_runs(filter(None, runs), job.store)) as chunks:
        for each in chunks:
            job.stats.keys.add(each.key)
            yield bytes(each.packed.data)


def _sum_run(group: Group, prefix: str) -> ChunkRun | None:
    summed = [each for each in group.members if control.has_sum(each.entry)]
    if not summed:
        return None
    key = members.chunk_key(f"md5sums of {prefix}", group.lines)
    length = sum(len(control.sum_line(f"{prefix}/{each.entry.path}", "")) + 32 for each in summed)
    return ChunkRun(((key, length),), lambda: iter((b"".join(_sum_lines(summed, prefix)),)), bytes)


def _sum_lines(summed: Iterable[Collected], prefix: str) -> Iterator[bytes]:
    for each in summed:
        md5 = hashlib.new("md5", usedforsecurity=False)
        for block in members.blocks_of(each):
            md5.update(block)
        yield control.sum_line(f"{prefix}/{each.entry.path}", md5.hexdigest())
