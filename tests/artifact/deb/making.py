"""Makes Debian packages by hand, from what is spelt in the code, so that each part can be wrong."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from provisioning.artifact import manifest
from provisioning.artifact.deb import ar, control, extra
from provisioning.artifact.deb.control import Part, parts
from provisioning.artifact.deb.described import Described, is_embedded
from provisioning.artifact.deb.gnu import Gnu
from provisioning.artifact.tar import padding
from tests.artifact import making
from tests.artifact.making import ITEMS, gzip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.artifact.deb.extra import Extra
    from provisioning.artifact.package import Package
    from tests.artifact.making import Item

NAME = "greenhouse_1.4.2_arm64.deb"
DATA = making.manifest_of(ITEMS)
MANIFEST = manifest.parse(DATA, "")
DESCRIBED = Described(MANIFEST, DATA, {})
EXTRAS = extra.extras(DESCRIBED)
SPELLING = Gnu(MANIFEST.package.prefix, by_content=True)


def member(item: Item) -> bytes:
    """What the data hold of an item."""
    return SPELLING.header(item.entry) + item.content + bytes(padding(len(item.content)))


def preamble(data: bytes = DATA) -> bytes:
    """What the data begin with."""
    return SPELLING.preamble(data) + data + bytes(padding(len(data)))


def data_of(items: Iterable[Item] = ITEMS) -> bytes:
    """The data member, unpacked; its items need not be those of the manifest."""
    ending = extra.ending(MANIFEST, EXTRAS)
    return b"".join((preamble(), *map(member, items), ending))


def sums_of(items: Iterable[Item] = ITEMS, prefix: str = MANIFEST.package.prefix) -> list[bytes]:
    summed = (item for item in items if control.has_sum(item.entry))
    return [
        control.sum_line(f"{prefix}/{entry.path}", hashlib.md5(content).hexdigest())
        for entry, content in summed
    ]


def control_parts(items: Iterable[Item] = ITEMS) -> list[control.Part]:
    return control.parts(DESCRIBED, EXTRAS, sums_of(items))


def control_tar(items: Iterable[Item] = ITEMS) -> bytes:
    """The control member, unpacked."""
    return b"".join(part.tar for part in control_parts(items))


def spelt(package: Package, items: Iterable[Item]) -> bytes:
    """A Debian package of another kind, all of it as it should be."""
    items = tuple(items)
    parsed = manifest.Manifest(package, tuple(item.entry for item in items))
    data, spelling = manifest.dump(parsed), Gnu(package.prefix, by_content=True)
    texts = {item.entry.path: item.content for item in items if is_embedded(item.entry)}
    described = Described(parsed, data, texts)
    added = extra.extras(described)
    members = (
        spelling.header(item.entry) + item.content + bytes(padding(len(item.content)))
        for item in items
    )
    begin = spelling.preamble(data) + data + bytes(padding(len(data)))
    whole = b"".join((begin, *members, extra.ending(parsed, added)))
    control = b"".join(part.tar for part in _parts(described, added, items))
    return wrapped(gzip(whole), control)


def _parts(described: Described, added: tuple[Extra, ...], items: tuple[Item, ...]) -> list[Part]:
    return parts(described, added, sums_of(items, described.manifest.package.prefix))


def wrapped(packed: bytes, control: bytes | None = None, codec: str = "gzip") -> bytes:
    """The ar around a data member that is packed already."""
    begin = ar.beginning(gzip(control_tar() if control is None else control))
    head = ar.header(ar.DATA[codec], len(packed))
    return b"".join((begin, head, packed, ar.padding(len(packed))))


def deb(data: bytes | None = None, control: bytes | None = None) -> bytes:
    """A Debian package, of parts that are sound unless they are given."""
    return wrapped(gzip(data_of() if data is None else data), control)
