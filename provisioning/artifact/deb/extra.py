"""Knows what a Debian package holds beside the package: units, and what every one has."""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import tar
from provisioning.artifact.deb import about, gnu, units
from provisioning.artifact.deb.described import CHANGELOG, COPYRIGHT
from provisioning.artifact.entry import DIR
from provisioning.artifact.path import shown
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioning.artifact.deb.described import Described
    from provisioning.artifact.manifest import Manifest

MODE = 0o644
"""Of everything that is added."""

_DEFLATED = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"  # as hard as one can, says gzip -9
_LONGEST_STORED = 0xFFFF
_DOCUMENTS, _OVERRIDES = "./usr/share/doc", "./usr/share/lintian/overrides"
_CHANGELOG, _COPYRIGHT = "changelog.gz", "copyright"


class Extra(NamedTuple):
    """A file of root's that lies outside the package's own directory."""

    path: str
    """From the root of the system, beginning with `./`."""
    size: int
    md5: str


def contents(described: Described) -> dict[str, bytes]:
    """What is added, by its path, in order; nothing that the package itself puts there."""
    found = dict(sorted(_all(described)))
    taken = _taken(described.manifest, found)
    return {path: content for path, content in found.items() if path not in taken}


def measured(added: Mapping[str, bytes]) -> tuple[Extra, ...]:
    """What the control member says of what is added."""
    return tuple(Extra(path, len(held), md5_of(held)) for path, held in added.items())


def md5_of(data: bytes) -> str:
    """Digest `data` as dpkg does, which tells with it no more than what was damaged."""
    return hashlib.new("md5", data, usedforsecurity=False).hexdigest()


def ending(manifest: Manifest, added: Mapping[str, bytes]) -> bytes:
    """Spell the bytes of tar that follow the entries: extras, their directories, the end.

    Raises like `ways`.
    """
    parts = list[bytes]()
    for path, way in ways(manifest, tuple(added)):
        parts += (way, gnu.file(path, MODE, added[path]))
    return b"".join((*parts, tar.END))


def ways(manifest: Manifest, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Spell, for each of what is added, the directories that come before it.

    Raises ArtifactError where it can lie there in no package that has these entries.
    """
    taken = _taken(manifest, paths)
    there = {*gnu.parents(f".{manifest.package.prefix}/"), *taken}
    for path in paths:
        above = tuple(gnu.parents(path))
        for parent in above:
            if taken.get(parent, DIR) != DIR:
                raise ArtifactError(
                    f"{parent[1:]}: is no directory, and a Debian package needs it to be one;"
                    " choose another prefix"
                )
        yield path, b"".join(gnu.directory(parent) for parent in above if parent not in there)
        there.update(above)


def directories(manifest: Manifest, added: Iterable[str]) -> set[str]:
    """The directories of the system that the package is in, and what is added."""
    within = (f".{manifest.package.prefix}/", *added)
    return {parent for path in within for parent in gnu.parents(path)}


def demand_places(manifest: Manifest, paths: Iterable[str]) -> None:
    """Raise ArtifactError for a path at which no Debian package has anything but entries."""
    package, paths = manifest.package, tuple(paths)
    allowed = {f".{units.DIRECTORY}/{name}" for name in units.names(package)}
    allowed.update(f"{_DOCUMENTS}/{package.name}/{name}" for name in (_CHANGELOG, _COPYRIGHT))
    allowed.add(f"{_OVERRIDES}/{package.name}")
    for path in sorted({*paths} - allowed | {*paths} & {*_taken(manifest, paths)}):
        where = shown(path[1:])
        raise ArtifactError(f"{where}: lies where a Debian package has nothing of its own")


def _all(described: Described) -> Iterator[tuple[str, bytes]]:
    package, texts = described.manifest.package, described.texts
    for name, unit in units.contents(described.manifest).items():
        yield f".{units.DIRECTORY}/{name}", unit.encode()
    documents = f"{_DOCUMENTS}/{package.name}"
    changelog = texts.get(CHANGELOG) or about.changelog(package).encode()
    yield f"{documents}/{_CHANGELOG}", stored(changelog)
    written = texts.get(COPYRIGHT) or about.copyright_of(package).encode()
    yield f"{documents}/{_COPYRIGHT}", written
    if overrides := about.overrides(described):
        yield f"{_OVERRIDES}/{package.name}", overrides.encode()


def _taken(manifest: Manifest, added: Iterable[str]) -> dict[str, str]:
    """The types of the package's entries, by path from the root, if extras lie among them."""
    root = f".{manifest.package.prefix}/"
    if not any(path.startswith(root) for path in added):
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
