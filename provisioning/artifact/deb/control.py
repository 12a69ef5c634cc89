"""Knows what is in the control member of a Debian package: all that dpkg does beside unpacking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import tar
from provisioning.artifact.deb import extra, field, gnu, names
from provisioning.artifact.deb.stated import SCRIPTS
from provisioning.artifact.entry import FILE
from provisioning.artifact.path import MANIFEST
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioning.artifact.deb.extra import Extra
    from provisioning.artifact.entry import Entry
    from provisioning.artifact.manifest import Manifest

    Files = Mapping[str, bytes]


TOP = gnu.directory(".")
"""What the control member begins with."""


def files(manifest: Manifest, data: bytes, added: Sequence[Extra], sums: Iterable[bytes]) -> Files:
    """What a manifest, which is spelt as `data`, says of the control member: all but scripts.

    `sums` of the entries' contents are spelt by `sum_line`.
    """
    _demand_names(manifest)
    held = {
        "conffiles": "".join(_conffiles(manifest)).encode(),
        "control": field.control(manifest.package, _installed_size(manifest, data, added)).encode(),
        "md5sums": b"".join(_sums(manifest, data, added, sums)),
    }
    return {name: content for name, content in held.items() if content}


def spell(files: Files, scripts: Mapping[str, str]) -> bytes:
    """Spell the control member."""
    held = {**files, **{name: text.encode() for name, text in scripts.items()}}
    spelt = (gnu.file(f"./{name}", mode_of(name), held[name]) for name in sorted(held))
    return b"".join((TOP, *spelt, tar.END))


def mode_of(name: str) -> int:
    """The mode of a file of the control member: dpkg runs the scripts."""
    return 0o755 if name in SCRIPTS else 0o644


def sum_line(path: str, md5: str) -> bytes:
    """Spell the line of a file in `md5sums`; the path is absolute."""
    return f"{md5}  {path[1:]}\n".encode()


def has_sum(entry: Entry) -> bool:
    """Whether `md5sums` lists an entry: dpkg keeps sums of conffiles elsewhere."""
    return entry.type == FILE and not entry.conffile


def _sums(
    manifest: Manifest, data: bytes, added: Sequence[Extra], sums: Iterable[bytes]
) -> Iterator[bytes]:
    yield sum_line(f"{manifest.package.prefix}/{MANIFEST}", extra.md5_of(data))
    yield from sums
    for each in added:
        yield sum_line(each.path[1:], each.md5)


def _demand_names(manifest: Manifest) -> None:
    package = manifest.package
    for path, reason in names.faults(package.name, package.prefix, manifest.entries):
        raise ArtifactError(f"{path!r}: {reason}")


def _conffiles(manifest: Manifest) -> Iterator[str]:
    for entry in manifest.entries:
        if entry.conffile:
            yield f"{manifest.package.prefix}/{entry.path}\n"


def _installed_size(manifest: Manifest, data: bytes, added: Sequence[Extra]) -> int:
    """Count KiB as dpkg-gencontrol(1) does: whole ones of each file, and one for all else."""
    files = [len(data), *(each.size for each in added)]
    files += [entry.size for entry in manifest.entries if entry.type == FILE]
    others = len(manifest.entries) - (len(files) - 1 - len(added))
    # The directory of the manifest is another one.
    others += len(extra.directories(manifest, (each.path for each in added))) + 1
    return sum(-(-size // 1024) for size in files) + others
