"""Knows which units of systemd a Debian package brings, and where they lie."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.bytecode import equipped
from provisioning.artifact.deb import CHANGELOG, COPYRIGHT, containers, fields
from provisioning.artifact.model.entry import DIR, shown
from provisioning.artifact.service_files import systemd_unit, unit_name, writable
from provisioning.artifact.tar import ustar
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioning.artifact.deb import Described
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package


# Not /lib, which is a link to usr/lib since Debian 12, and where Debian 13 has no file any more.
DIRECTORY = "/usr/lib/systemd/system"


def has_systemd(package: Package) -> bool:
    """Whether systemd is what runs services where a package is installed."""
    return package.service_manager == "systemd"


def names(package: Package) -> list[str]:
    """What the units are called."""
    if not has_systemd(package):
        return []
    return [unit_name(package, service.name) for service in package.services]


def unit_contents(manifest: Manifest) -> dict[str, str]:
    """The units by their names; the package lies in the prefix itself."""
    package = equipped(manifest.package, manifest.entries)
    data = writable(package, manifest.entries) if names(package) else ()
    spelt = (systemd_unit(package, each, package.prefix, data) for each in package.services)
    return dict(zip(names(package), spelt))


_ADD_ON = "/opt/"
_EPOCH = "Sat, 01 Jan 2000 00:00:00 +0000"  # ustar.EPOCH, as RFC 5322 has it

# Texts of licences that base-files installs, by what SPDX calls them: Policy 12.5 wants them named.
_COMMON = {
    "Apache-2.0": "Apache-2.0",
    "Artistic-1.0": "Artistic",
    "BSD-3-Clause": "BSD",
    "CC0-1.0": "CC0-1.0",
    "GFDL-1.2-only": "GFDL-1.2",
    "GFDL-1.3-only": "GFDL-1.3",
    "GPL-1.0": "GPL-1",
    "GPL-2.0": "GPL-2",
    "GPL-3.0": "GPL-3",
    "LGPL-2.0": "LGPL-2",
    "LGPL-2.1": "LGPL-2.1",
    "LGPL-3.0": "LGPL-3",
    "MPL-1.1": "MPL-1.1",
    "MPL-2.0": "MPL-2.0",
}
_LICENCE = re.compile(r"[A-Za-z0-9.-]+")


def changelog_text(package: Package) -> str:
    """Spell a changelog of one entry, which holds no date of its own: see ustar.EPOCH."""
    return (
        f"{package.name} ({package.version}) stable; urgency=medium\n"
        "\n"
        f"  * Version {package.version}.\n"
        "\n"
        f" -- {fields.maintainer(package)}  {_EPOCH}\n"
    )


def copyright_of(package: Package) -> str:
    """Spell what is known of a package's copyright."""
    licence = fields.line(package.license) or "not told"
    lines = [
        f"{package.name}: {fields.line(package.summary) or package.name}",
        "",
        f"Copyright: {fields.maintainer(package)}",
        f"License: {licence}",
    ]
    places = list(dict.fromkeys(_common(licence)))
    if places:
        lines += ["", "On Debian systems, the text of the licence is in:", ""]
        lines += [f"    /usr/share/common-licenses/{name}" for name in places]
    return "".join(f"{line}\n" for line in lines)


def overrides_text(described: Described) -> str:
    """Spell what lintian is told not to look for, each with the reason; "" where there is none."""
    manifest = described.manifest
    name, prefix = manifest.package.name, f"{manifest.package.prefix}/"
    reasons = []
    if not described.texts.get(COPYRIGHT):
        reason = "No year is told: what a package holds depends on no clock."
        reasons.append((reason, "copyright-without-copyright-notice"))
    if prefix.startswith(_ADD_ON):
        reason = "Add-on software, which is no part of Debian, belongs into /opt (FHS 3.13)."
        reasons.append((reason, "dir-or-file-in-opt"))
    conffiles = any(entry.conffile for entry in manifest.entries)
    if conffiles and not prefix.startswith("/etc/"):
        reason = "Its configuration lies beside it, wherever it is installed; dpkg keeps edits."
        reasons.append((reason, "non-etc-file-marked-as-conffile"))
    reason = "The installer also looks into scratch roots, whose dpkg-query may not run here."
    reasons.append((reason, "uses-dpkg-database-directly"))
    if names(manifest.package):
        reason = "Whether somebody has stopped a service, no helper tells: it stays so."
        reasons.append((reason, "maintainer-script-calls-systemctl"))
    return "\n".join(f"# {reason}\n{name}: {tag}\n" for reason, tag in reasons)


def _common(licence: str) -> Iterator[str]:
    for word in _LICENCE.findall(licence):
        for name in (word, re.sub("-(only|or-later)$", "", word)):
            if name in _COMMON:
                yield _COMMON[name]


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
        parts += (way, containers.file(path, MODE, added[path]))
    return b"".join((*parts, ustar.END))


def ways(manifest: Manifest, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Spell, for each of what is added, the directories that come before it.

    Raises ArtifactError where it can lie there in no package that has these entries.
    """
    taken = _taken(manifest, paths)
    there = {*containers.parents(f".{manifest.package.prefix}/"), *taken}
    for path in paths:
        above = tuple(containers.parents(path))
        for parent in above:
            if taken.get(parent, DIR) != DIR:
                raise ArtifactError(
                    f"{parent[1:]}: is no directory, and a Debian package needs it to be one;"
                    " choose another prefix"
                )
        yield (
            path,
            b"".join(containers.directory(parent) for parent in above if parent not in there),
        )
        there.update(above)


def directories(manifest: Manifest, added: Iterable[str]) -> set[str]:
    """The directories of the system that the package is in, and what is added."""
    within = (f".{manifest.package.prefix}/", *added)
    return {parent for path in within for parent in containers.parents(path)}


def demand_places(manifest: Manifest, paths: Iterable[str]) -> None:
    """Raise ArtifactError for a path at which no Debian package has anything but entries."""
    package, paths = manifest.package, tuple(paths)
    allowed = {f".{DIRECTORY}/{name}" for name in names(package)}
    allowed.update(f"{_DOCUMENTS}/{package.name}/{name}" for name in (_CHANGELOG, _COPYRIGHT))
    allowed.add(f"{_OVERRIDES}/{package.name}")
    for path in sorted({*paths} - allowed | {*paths} & {*_taken(manifest, paths)}):
        where = shown(path[1:])
        raise ArtifactError(f"{where}: lies where a Debian package has nothing of its own")


def _all(described: Described) -> Iterator[tuple[str, bytes]]:
    package, texts = described.manifest.package, described.texts
    for name, unit in unit_contents(described.manifest).items():
        yield f".{DIRECTORY}/{name}", unit.encode()
    documents = f"{_DOCUMENTS}/{package.name}"
    changelog = texts.get(CHANGELOG) or changelog_text(package).encode()
    yield f"{documents}/{_CHANGELOG}", stored(changelog)
    written = texts.get(COPYRIGHT) or copyright_of(package).encode()
    yield f"{documents}/{_COPYRIGHT}", written
    if overrides := overrides_text(described):
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
