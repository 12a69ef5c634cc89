"""Knows what a Debian package holds beside the package: units, and what every one has."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import tar
from provisioning.artifact.deb import about, gnu, units
from provisioning.artifact.deb.described import CHANGELOG, COPYRIGHT
from provisioning.artifact.entry import DIR
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provisioning.artifact.deb.described import Described
    from provisioning.artifact.manifest import Manifest

_DEFLATED = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"  # as hard as one can, says gzip -9
_LONGEST_STORED = 0xFFFF


class Extra(NamedTuple):
    """A file of root's that lies outside the package's own directory."""

    path: str
    """From the root of the system, beginning with `./`."""
    content: bytes


def extras(described: Described) -> tuple[Extra, ...]:
    """What is added, in order; nothing that the package itself puts there.

    Raises ArtifactError where the package has something else than a needed directory.
    """
    found = sorted(_all(described))
    taken = _taken(described.manifest, found)
    added = tuple(extra for extra in found if extra.path not in taken)
    for extra in added:
        for parent in gnu.parents(extra.path):
            if taken.get(parent, DIR) != DIR:
                raise ArtifactError(
                    f"{parent[1:]}: is no directory, and a Debian package needs it to be one;"
                    " choose another prefix"
                )
    return added


def ending(manifest: Manifest, added: Sequence[Extra]) -> bytes:
    """Spell the bytes of tar that follow the entries: extras, their directories, the end."""
    root = f".{manifest.package.prefix}"
    there = {*gnu.parents(f"{root}/"), *_taken(manifest, added)}
    parts = list[bytes]()
    for path, content in added:
        missing = [parent for parent in gnu.parents(path) if parent not in there]
        there.update(missing)
        parts += map(gnu.directory, missing)
        parts.append(gnu.file(path, 0o644, content))
    return b"".join((*parts, tar.END))


def directories(manifest: Manifest, added: Sequence[Extra]) -> set[str]:
    """The directories of the system that the package is in, and its extras."""
    within = (f".{manifest.package.prefix}/", *(extra.path for extra in added))
    return {parent for path in within for parent in gnu.parents(path)}


def _all(described: Described) -> Iterator[Extra]:
    package, texts = described.manifest.package, described.texts
    for name, unit in units.contents(described.manifest).items():
        yield Extra(f".{units.DIRECTORY}/{name}", unit.encode())
    documents = f"./usr/share/doc/{package.name}"
    changelog = texts.get(CHANGELOG) or about.changelog(package).encode()
    yield Extra(f"{documents}/changelog.gz", stored(changelog))
    written = texts.get(COPYRIGHT) or about.copyright_of(package).encode()
    yield Extra(f"{documents}/copyright", written)
    if overrides := about.overrides(described):
        yield Extra(f"./usr/share/lintian/overrides/{package.name}", overrides.encode())


def _taken(manifest: Manifest, added: Sequence[Extra]) -> dict[str, str]:
    """The types of the package's entries, by path from the root, if extras lie among them."""
    root = f".{manifest.package.prefix}/"
    if not any(extra.path.startswith(root) for extra in added):
        return {}
    return {f"{root}{entry.path}": entry.type for entry in manifest.entries}


def stored(data: bytes) -> bytes:
    """Spell a gzip member (RFC 1952) whose bytes no version of zlib can change: not compressed."""
    blocks = [data[at : at + _LONGEST_STORED] for at in range(0, len(data) or 1, _LONGEST_STORED)]
    body = b"".join(
        struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks, 1)
    )
    return _DEFLATED + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
