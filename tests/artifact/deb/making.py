"""Makes Debian packages by hand, from what is spelt in the code, so that each part can be wrong."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from provisioning.artifact.deb import containers, control
from provisioning.artifact.deb.containers import Gnu
from provisioning.artifact.deb.control import is_embedded
from provisioning.artifact.model import manifest
from provisioning.artifact.model.manifest import Manifest
from provisioning.artifact.tar.archive import padding
from provisioning.builder.archive.deb import files
from provisioning.builder.archive.debian import extras, fields
from provisioning.builder.archive.debian.extras import DebSource
from provisioning.builder.archive.debian.scripts import scripts
from tests.artifact.making import ITEMS, PACKAGE, gzip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.artifact.model.package import Package
    from tests.artifact.making import Item

NAME = "greenhouse_1.4.2_arm64.deb"


def described(package: Package, items: Iterable[Item]) -> DebSource:
    """What a Debian package of these items is made of; its manifest states what it has to."""
    items, package = tuple(items), fields.complete(package)
    texts = {item.entry.path: item.content for item in items if is_embedded(item.entry)}
    about = DebSource(Manifest(package, tuple(item.entry for item in items)), texts)
    stating = package._replace(debian_files=files(about))
    return about._replace(manifest=about.manifest._replace(package=stating))


DESCRIBED = described(PACKAGE, ITEMS)
MANIFEST = DESCRIBED.manifest
DATA = manifest.dump(MANIFEST)
EXTRAS = extras.contents(DESCRIBED)
SPELLING = Gnu(MANIFEST.package.prefix, by_content=True)


def member(item: Item) -> bytes:
    """What the data hold of an item."""
    return SPELLING.header(item.entry) + item.content + bytes(padding(len(item.content)))


def preamble(data: bytes = DATA) -> bytes:
    """What the data begin with."""
    return SPELLING.preamble(data) + data + bytes(padding(len(data)))


def data_of(items: Iterable[Item] = ITEMS) -> bytes:
    """The data member, unpacked; its items need not be those of the manifest."""
    ending = extras.ending(MANIFEST, EXTRAS)
    return b"".join((preamble(), *map(member, items), ending))


def sums_of(items: Iterable[Item] = ITEMS, prefix: str = MANIFEST.package.prefix) -> list[bytes]:
    summed = (item for item in items if control.has_sum(item.entry))
    return [
        control.sum_line(f"{prefix}/{entry.path}", hashlib.md5(content).hexdigest())
        for entry, content in summed
    ]


def control_files(items: Iterable[Item] = ITEMS) -> dict[str, bytes]:
    """The files of the control member, but for the scripts."""
    return {**control.files(MANIFEST, DATA, extras.measured(EXTRAS), sums_of(items))}


def control_tar(items: Iterable[Item] = ITEMS) -> bytes:
    """The control member, unpacked."""
    return control.spell(control_files(items), scripts(DESCRIBED))


def spelt(package: Package, items: Iterable[Item]) -> bytes:
    """A Debian package of another kind, all of it as it should be."""
    return of(described(package, items), items)


def of(about: DebSource, items: Iterable[Item]) -> bytes:
    """A Debian package of what it is made of."""
    items, package = tuple(items), about.manifest.package
    data, spelling = manifest.dump(about.manifest), Gnu(package.prefix, by_content=True)
    added = extras.contents(about)
    members = (
        spelling.header(item.entry) + item.content + bytes(padding(len(item.content)))
        for item in items
    )
    begin = spelling.preamble(data) + data + bytes(padding(len(data)))
    whole = b"".join((begin, *members, extras.ending(about.manifest, added)))
    sums = sums_of(items, package.prefix)
    held = control.files(about.manifest, data, extras.measured(added), sums)
    return wrapped(gzip(whole), control.spell(held, scripts(about)))


def wrapped(packed: bytes, control: bytes | None = None, codec: str = "gzip") -> bytes:
    """The ar around a data member that is packed already."""
    begin = containers.beginning(gzip(control_tar() if control is None else control))
    head = containers.ar_header(containers.DATA[codec], len(packed))
    return b"".join((begin, head, packed, containers.padding(len(packed))))


def deb(data: bytes | None = None, control: bytes | None = None) -> bytes:
    """A Debian package, of parts that are sound unless they are given."""
    return wrapped(gzip(data_of() if data is None else data), control)
