"""A release: the order of versions, and the names of its files.

Versions compare as Debian's (deb-version(7)). What follows the last hyphen is the revision, which
counts where the rest is equal. Digits count as numbers; of all else, `~` comes before everything,
even the end, and letters before the others.
"""

from __future__ import annotations

import os
import re
from functools import cmp_to_key
from itertools import zip_longest
from typing import TYPE_CHECKING

from provisioning.artifact.formats import CODECS, DEB, DIR, format_of
from provisioning.artifact.model.entry import MANIFEST
from provisioning.artifact.model.package import REVISION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from provisioning.artifact.model.manifest import Package

_PARTS = re.compile(r"([^0-9]*)([0-9]*)")
_END = 0
_NOTHING = ((_END,), 0)

Part = tuple[tuple[int, ...], int]


def is_older(version: str, than: str) -> bool:
    """Whether `version` comes before another."""
    for mine, other in zip(_split(version), _split(than)):
        for pair in zip_longest(_parts(mine), _parts(other), fillvalue=_NOTHING):
            if pair[0] != pair[1]:
                return pair[0] < pair[1]
    return False


def latest(versions: Iterable[str]) -> str:
    """The latest of `versions`."""
    return max(sorted(versions), key=cmp_to_key(_compare))


def _compare(version: str, other: str) -> int:
    return is_older(other, version) - is_older(version, other)


def _split(version: str) -> tuple[str, str]:
    upstream, hyphen, revision = version.rpartition("-")
    return (upstream, revision) if hyphen else (version, "")


def _parts(text: str) -> list[Part]:
    # guard: numbers-in-a-version
    return [(_order(other), int(digits or 0)) for other, digits in _PARTS.findall(text)]


def _order(text: str) -> tuple[int, ...]:
    return (*map(_rank, text), _END)


def _rank(character: str) -> int:
    if character == "~":
        return _END - 1
    return ord(character) + (0 if character.isalpha() else 256)


def stem(package: Package) -> str:
    """NAME-VERSION-PLATFORM, with which the names of a release's files begin."""
    return f"{package.name}-{package.version}-{package.platform}"


def artifact_name(package: Package, format: str) -> str:
    """The name of the artifact in one of FORMATS: a file, or a directory for DIR."""
    if format == DIR:
        return package.name
    if format == DEB:  # as dpkg-name(1) has it
        return f"{package.name}_{debian_version(package)}_{package.arch}.deb"
    return f"{stem(package)}.{format}"


def debian_version(package: Package) -> str:
    """The version of a Debian package: with its revision, if it has one (deb-version(7))."""
    revision = dict(package.debian).get(REVISION)
    return f"{package.version}-{revision}" if revision else package.version


def manifest_name(package: Package) -> str:
    """The name of the manifest in a release."""
    return f"{stem(package)}.manifest.json"


def provenance_name(package: Package) -> str:
    """The name of the statement of what a release was built from."""
    return f"{stem(package)}.provenance.json"


def bill_name(package: Package) -> str:
    """The name of the bill of materials of a release."""
    return f"{stem(package)}.cdx.json"


def index_name(archive: str) -> str:
    """The name of the index of an archive made of chunks."""
    return f"{archive}.index.json"


def files(package: Package, format: str) -> Iterator[str]:
    """The files of one format in the directory of a release."""
    name = artifact_name(package, format)
    yield f"{name}/{MANIFEST}" if format == DIR else name
    if format in CODECS:
        yield index_name(name)


def artifacts(directory: Path) -> list[Path]:
    """All artifacts in the directory of a release."""
    return sorted(path for path in directory.iterdir() if format_of(path.name) or is_tree(path))


def is_tree(path: Path) -> bool:
    """Whether `path` is the directory of a package."""
    # Path.is_dir() raises where a directory above is forbidden.
    return os.path.isdir(path) and os.path.lexists(path / MANIFEST)
