"""Knows what the files of a release are called, which tells their formats too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provisioning.artifact.path import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.manifest import Package

SUMS = "SHA256SUMS"

CODECS = {"tar.gz": "gzip", "tar.zst": "zstd", "tar.xz": "xz"}
"""The formats whose archives are chunks, one after the other, and have an index."""
ZIP = "zip"
DEB = "deb"
DIR = "dir"
FORMATS = (*CODECS, ZIP, DEB, DIR)


def stem(package: Package) -> str:
    """Name everything that is made of a package: NAME-VERSION-PLATFORM."""
    return f"{package.name}-{package.version}-{package.platform}"


def artifact_name(package: Package, format: str) -> str:
    """Name what is made of a package in one of FORMATS: a file, or a directory for DIR."""
    if format == DIR:
        return package.name
    if format == DEB:  # as dpkg-name(1) has it
        return f"{package.name}_{package.version}_{package.arch}.deb"
    return f"{stem(package)}.{format}"


def format_of(name: str) -> str | None:
    """The format of the file called `name`; None where it is that of no artifact."""
    return next((each for each in FORMATS if each != DIR and name.endswith(f".{each}")), None)


def manifest_name(package: Package) -> str:
    """Name the manifest that lies beside the artifacts."""
    return f"{stem(package)}.manifest.json"


def provenance_name(package: Package) -> str:
    """Name the statement of what a release was built from."""
    return f"{stem(package)}.provenance.json"


def index_name(archive: str) -> str:
    """Name the index that lies beside an archive made of chunks."""
    return f"{archive}.index.json"


def files(package: Package, format: str) -> Iterator[str]:
    """Name what must be a file, in the directory of a release that has this format."""
    name = artifact_name(package, format)
    yield f"{name}/{MANIFEST}" if format == DIR else name
    if format in CODECS:
        yield index_name(name)


def artifacts(directory: Path) -> list[Path]:
    """Every artifact in the directory of a release."""
    return sorted(path for path in directory.iterdir() if format_of(path.name) or is_tree(path))


def is_tree(path: Path) -> bool:
    """Tell whether `path` is the directory of a package."""
    # Path.is_dir() raises where a directory above is forbidden.
    return os.path.isdir(path) and os.path.lexists(path / MANIFEST)
