"""Knows what is in the control member of a Debian package: all that dpkg does beside unpacking."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import tar
from provisioning.artifact.deb import extra, field, gnu, names, script
from provisioning.artifact.entry import FILE
from provisioning.artifact.path import MANIFEST
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provisioning.artifact.deb.described import Described
    from provisioning.artifact.deb.extra import Extra
    from provisioning.artifact.entry import Entry
    from provisioning.artifact.manifest import Manifest


class Part(NamedTuple):
    """A file of the control member, or what ends it."""

    name: str
    tar: bytes
    """Its header and its content, as they are spelt."""


def parts(described: Described, added: Sequence[Extra], sums: Iterable[bytes]) -> list[Part]:
    """Spell the control member, part by part, with the sums of the entries' contents.

    `sums` are spelt by `sum_line`.
    """
    manifest = described.manifest
    _demand_names(manifest)
    files = {
        "conffiles": "".join(_conffiles(manifest)).encode(),
        "control": field.control(manifest.package, _installed_size(described, added)).encode(),
        "md5sums": b"".join(_sums(described, added, sums)),
    }
    spelt = [Part(name, gnu.file(f"./{name}", 0o644, held)) for name, held in files.items() if held]
    for name, text in sorted(script.scripts(described).items()):
        spelt.append(Part(name, gnu.file(f"./{name}", 0o755, text.encode())))
    return [Part("./", gnu.directory(".")), *spelt, Part("its end", tar.END)]


def sum_line(path: str, md5: str) -> bytes:
    """Spell the line of a file in `md5sums`; the path is absolute."""
    return f"{md5}  {path[1:]}\n".encode()


def has_sum(entry: Entry) -> bool:
    """Whether `md5sums` lists an entry: dpkg keeps sums of conffiles elsewhere."""
    return entry.type == FILE and not entry.conffile


def _sums(described: Described, added: Sequence[Extra], sums: Iterable[bytes]) -> Iterator[bytes]:
    yield sum_line(f"{described.manifest.package.prefix}/{MANIFEST}", _md5(described.data))
    yield from sums
    for path, content in added:
        yield sum_line(path[1:], _md5(content))


def _md5(data: bytes) -> str:
    return hashlib.new("md5", data, usedforsecurity=False).hexdigest()


def _demand_names(manifest: Manifest) -> None:
    package = manifest.package
    for path, reason in names.faults(package.name, package.prefix, manifest.entries):
        raise ArtifactError(f"{path!r}: {reason}")


def _conffiles(manifest: Manifest) -> Iterator[str]:
    for entry in manifest.entries:
        if entry.conffile:
            yield f"{manifest.package.prefix}/{entry.path}\n"


def _installed_size(described: Described, added: Sequence[Extra]) -> int:
    """Count KiB as dpkg-gencontrol(1) does: whole ones of each file, and one for all else."""
    manifest = described.manifest
    files = [len(described.data), *(len(each.content) for each in added)]
    files += [entry.size for entry in manifest.entries if entry.type == FILE]
    others = len(manifest.entries) - (len(files) - 1 - len(added))
    others += len(extra.directories(manifest, added)) + 1  # the directory of the manifest
    return sum(-(-size // 1024) for size in files) + others
