"""Knows what an archive is called, and what lies in it in which order.

First comes the preamble: the top directory `NAME/` and the manifest, so that one pass over a
stream can check and bound all that follows. Then every entry, sorted by the bytes of its path (a
directory therefore precedes what it holds), then two blocks of zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import digest, tar
from provisioning.artifact.entry import DIR, FILE, Entry
from provisioning.artifact.path import RESERVED

if TYPE_CHECKING:
    from provisioning.artifact.manifest import Package

MANIFEST = f"{RESERVED}/manifest.json"
SUMS = "SHA256SUMS"
SUFFIX = ".tar.gz"


def stem(package: Package) -> str:
    """Name everything that is made of a package: NAME-VERSION-PLATFORM."""
    return f"{package.name}-{package.version}-{package.platform}"


def archive_name(package: Package) -> str:
    """Name the archive of a package."""
    return stem(package) + SUFFIX


def manifest_name(package: Package) -> str:
    """Name the manifest that lies beside the archive."""
    return f"{stem(package)}.manifest.json"


def index_name(archive: str) -> str:
    """Name the index that lies beside an archive."""
    return f"{archive}.index.json"


def reserved(manifest: bytes) -> tuple[Entry, Entry]:
    """What a package holds besides the entries of its manifest: the manifest, in its directory."""
    return (
        Entry(RESERVED, DIR, 0o755, "root", "root"),
        Entry(MANIFEST, FILE, 0o644, "root", "root", len(manifest), digest.of_bytes(manifest)),
    )


def preamble(manifest: bytes, name: str) -> tuple[tar.Member, ...]:
    """What an archive of the package `name` begins with; the manifest's bytes follow the last."""
    top = tar.Member(f"{name}/", DIR, 0o755, "root", "root")
    return (top, *(member(entry, name) for entry in reserved(manifest)))


def member(entry: Entry, name: str) -> tar.Member:
    """The member that stands for an entry in an archive of the package `name`."""
    slash = "/" if entry.type == DIR else ""
    return tar.Member(
        f"{name}/{entry.path}{slash}",
        entry.type,
        entry.mode,
        entry.owner,
        entry.group,
        entry.size,
        entry.link,
    )
