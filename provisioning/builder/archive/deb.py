"""Knows how a package becomes a Debian package, which dpkg and apt install."""

from __future__ import annotations

import hashlib
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.deb import containers, control
from provisioning.artifact.deb.containers import Gnu
from provisioning.artifact.deb.control import CONTROL
from provisioning.artifact.deb.places import is_embedded
from provisioning.artifact.model.manifest import Manifest
from provisioning.builder.archive import members
from provisioning.builder.archive.compress import encoder, encoder_of, press, stream_of
from provisioning.builder.archive.debian import extras
from provisioning.builder.archive.debian.extras import DebSource
from provisioning.builder.archive.debian.scripts import scripts
from provisioning.builder.archive.job import Made, is_by_content
from provisioning.builder.archive.members import Run
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from provisioning.artifact.model.package import Package
    from provisioning.builder.archive.groups import Group
    from provisioning.builder.archive.job import Order
    from provisioning.builder.archive.members import Read
    from provisioning.builder.collect.collect import Collected
    from provisioning.builder.workspace.output import Output
    from provisioning.spec.model.variant import Variant

_CONTROL = members.Span(containers.CONTROL, containers.CONTROL, 1)
_CHUNKS = "gzip"  # of several streams, dpkg reads the first alone where they are xz or zstd


def write(order: Order, made: Output) -> None:
    """Make NAME_VERSION_ARCH.deb."""
    # A listing makes its members anew for whoever asks, and here many do.
    order = order._replace(groups=[each._replace(members=[*each.members]) for each in order.groups])
    path = order.place.artifact(order.format)
    about = _described(order)
    added = extras.contents(about)
    planned = order.noted(_plan(order, about, added))
    codec = encoder_of(order.variant, order.format).codec
    file = made.file(path)
    file.write(containers.beginning(_control(order, about, added)))
    start, size = file.tell(), 0
    file.write(containers.ar_header(containers.DATA[codec], 0))
    for packed in _chunks(order, planned) if codec == _CHUNKS else _stream(order, planned):
        size += file.write(packed)
    file.write(containers.padding(size))
    if size > containers.LARGEST:
        raise BuildError(f"{path}: would hold {size} bytes of data, of which 9,999,999,999 fit")
    file.seek(start)
    file.write(containers.ar_header(containers.DATA[codec], size))


def planned(order: Order) -> Iterator[Run]:
    """The chunks of the files that it installs, in order; none where they are one stream.

    Only sources that say what the package itself does, as a hook, are read. What the chunk of the
    control files holds is known only once all others are.
    """
    if encoder_of(order.variant, order.format).codec == _CHUNKS:
        about = _described(order)
        yield from _plan(order, about, extras.contents(about))


def run(variant: Variant, format: str, group: Group, read: Read) -> Run | None:
    """The chunks that hold a group, whose small files are read by `read`; None in one stream."""
    encoded = encoder_of(variant, format)
    if encoded.codec != _CHUNKS:
        return None
    return members.run(group, _spelling(variant), encoded, read)


def described(package: Package, collected: Iterable[Collected]) -> DebSource:
    """What a Debian package of these entries is made of."""
    collected = tuple(collected)
    texts = {
        entry.path: members.whole(entry, source)
        for entry, source, _ in collected
        if is_embedded(entry)
    }
    return DebSource(Manifest(package, tuple(each.entry for each in collected)), texts)


def files(about: DebSource) -> tuple[tuple[str, str], ...]:
    """The digests of what this version spells in its own way, as the manifest states them."""
    found = {f"{CONTROL}{name}": text.encode() for name, text in scripts(about).items()}
    found.update((path[2:], held) for path, held in extras.contents(about).items())
    return tuple(sorted((name, filesystem.of_bytes(held)) for name, held in found.items()))


def _described(order: Order) -> DebSource:
    collected = (each for group in order.groups for each in group.members)
    return described(order.place.package, collected)


def _plan(order: Order, about: DebSource, added: Mapping[str, bytes]) -> Iterator[Run]:
    encoded = encoder_of(order.variant, order.format)
    planned = members.plan(order.manifest, order.groups, _spelling(order.variant), encoded)
    ending, paths = extras.ending(about.manifest, added), [*added]
    span = members.Span(paths[0], paths[-1], len(paths)) if paths else members.NO_MEMBER
    return chain(planned, [members.whole_run(ending, encoded, span)])


def _spelling(variant: Variant) -> Gnu:
    return Gnu(variant.prefix, by_content=is_by_content(variant))


def _chunks(order: Order, planned: Iterable[Run]) -> Iterator[bytes | bytearray | memoryview]:
    with closing(press(planned, order.store)) as pressed:
        for each in pressed:
            order.tally.count(each)
            yield each.packed.data


def _stream(order: Order, planned: Iterable[Run]) -> Iterator[bytes]:
    stream, taken, out = stream_of(order.variant, order.format), 0, 0
    for piece in chain.from_iterable(run.read() for run in planned):
        packed = stream.compress(piece)
        taken, out = taken + len(piece), out + len(packed)
        yield packed
    packed = stream.flush()
    held = [each for group in order.groups for each in group.members]
    order.tally.add(Made(order.format, *members.span_of(held), taken, out + len(packed)))
    yield packed


def _control(order: Order, about: DebSource, added: Mapping[str, bytes]) -> bytes:
    held = control.files(about.manifest, order.manifest, extras.measured(added), _sums(order))
    tar = control.spell(held, scripts(about))
    planned = [members.whole_run(tar, encoder("gzip"), _CONTROL)]
    return b"".join(_chunks(order, order.noted(planned)))


def _sums(order: Order) -> Iterator[bytes]:
    """The lines of all files in `md5sums`, which the store keeps too: no source is read for it."""
    prefix = order.variant.prefix
    planned = (_sum_run(group, prefix) for group in order.groups)
    with closing(press(filter(None, planned), order.store)) as pressed:
        for each in pressed:
            order.tally.keys.add(each.key)
            yield bytes(each.packed.data)


def _sum_run(group: Group, prefix: str) -> Run | None:
    summed = [each for each in group.members if control.has_sum(each.entry)]
    if not summed:
        return None
    key = members.key(f"md5sums of {prefix}", group.lines)
    length = sum(len(control.sum_line(f"{prefix}/{each.entry.path}", "")) + 32 for each in summed)
    return Run(((key, length),), lambda: iter((b"".join(_sum_lines(summed, prefix)),)), bytes)


def _sum_lines(summed: Iterable[Collected], prefix: str) -> Iterator[bytes]:
    for each in summed:
        md5 = hashlib.new("md5", usedforsecurity=False)
        for block in members.content(each):
            md5.update(block)
        yield control.sum_line(f"{prefix}/{each.entry.path}", md5.hexdigest())
