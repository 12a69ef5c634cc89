"""Makes packages to install: archives as the build makes them, of a few small files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.model import manifest
from provisioning.artifact.model.manifest import Manifest
from provisioning.artifact.model.release import index_name
from provisioning.artifact.tar import archive, chunking
from provisioning.installer.store.releases import name_of
from tests.artifact.making import (
    PACKAGE,
    Item,
    directory,
    file,
    index_of,
    link,
    member,
    packed,
    preamble,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from provisioning.artifact.model.package import Package

SETTINGS = b"port = 8080\n"


def items(version: str, settings: bytes | None = SETTINGS) -> tuple[Item, ...]:
    """What a version of the package holds: a file of each kind."""
    conffile = () if settings is None else (conf("etc/greenhouse.ini", settings),)
    return (
        file("VERSION", version.encode()),
        directory("bin"),
        link("bin/greenhouse", "../lib/main.py"),
        directory("etc"),
        *conffile,
        directory("lib"),
        file("lib/main.py", b"print('Hello')\n" * 50, mode=0o755),
        directory("var"),
        directory("var/log", mode=0o750),
    )


def conf(path: str, content: bytes, mode: int = 0o640) -> Item:
    """A configuration file."""
    entry, content = file(path, content, mode)
    return Item(entry._replace(conffile=True), content)


def manifest_of(version: str, holding: Iterable[Item] | None, about: Package) -> bytes:
    made = sorted(items(version) if holding is None else holding)
    entries = tuple(item.entry for item in made)
    return manifest.dump(Manifest(about._replace(version=version), entries))


def release(version: str) -> str:
    """What the release of a version is called."""
    return name_of(PACKAGE._replace(version=version), manifest_of(version, None, PACKAGE))


def package(
    folder: Path,
    version: str,
    holding: Sequence[Item] | None = None,
    about: Package = PACKAGE,
    *,
    indexed: bool = False,
) -> Path:
    """Write an archive of a version, and return its path."""
    made = sorted(items(version) if holding is None else holding)
    data = manifest_of(version, holding, about)
    path = folder / f"{about.name}-{version}-{about.platform}.tar.gz"
    groups = [made[at : at + 20] for at in range(0, len(made), 20)]
    members = [b"".join(member(item, about.name) for item in group) for group in groups]
    parts = [preamble(data, about.name), *members, archive.END]
    path.write_bytes(packed(parts))
    if indexed:
        sidecar = chunking.dump(index_of(path.name, parts, data))
        path.with_name(index_name(path.name)).write_bytes(sidecar)
    return path
