"""Makes the files that a Debian package adds to the system: units, documents, lintian overrides."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.deb import containers
from provisioning.artifact.deb.control import (
    CHANGELOG,
    CHANGELOGS,
    COPYRIGHT,
    DOCUMENTS,
    EXTRA_MODE,
    OVERRIDES,
    UNITS,
    Extra,
    entries_at,
    has_systemd,
    line,
    maintainer,
    md5_of,
    parents_of,
    unit_names,
)
from provisioning.artifact.model.release import debian_version
from provisioning.artifact.service_files import systemd_unit, unit_name, writable
from provisioning.artifact.tar import archive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package


class DebSource(NamedTuple):
    """What scripts and extras are made from: a manifest, and the few contents that dpkg needs.

    dpkg runs some scripts when the files of the package are not there yet, or not any more, and
    wants some texts at places of its own. So these contents are in the package twice.
    """

    manifest: Manifest
    texts: Mapping[str, bytes]
    """The contents of what `is_embedded`, by path."""


_ADD_ON = "/opt/"
_EPOCH = "Sat, 01 Jan 2000 00:00:00 +0000"  # ustar.EPOCH, as RFC 5322 has it

# Texts of licences that base-files installs, by their SPDX names: Policy 12.5 wants a reference to
# them.
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

_DEFLATED = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"  # as hard as one can, says gzip -9
_LONGEST_STORED = 0xFFFF


def contents(described: DebSource) -> dict[str, bytes]:
    """The added files by path, in order, except those that the package itself puts there."""
    found = dict(sorted(_all(described)))
    taken = entries_at(described.manifest, found)
    return {path: content for path, content in found.items() if path not in taken}


def measured(added: Mapping[str, bytes]) -> tuple[Extra, ...]:
    """What the control member says of what is added."""
    return tuple(Extra(path, len(held), md5_of(held)) for path, held in added.items())


def ending(manifest: Manifest, added: Mapping[str, bytes]) -> bytes:
    """Encode the bytes of tar that follow the entries: extras, their directories, the end.

    Raises like `parents_of`.
    """
    parts = list[bytes]()
    for path, parents in parents_of(manifest, tuple(added)):
        parts += (parents, containers.file(path, EXTRA_MODE, added[path]))
    return b"".join((*parts, archive.END))


def _all(described: DebSource) -> Iterator[tuple[str, bytes]]:
    package, texts = described.manifest.package, described.texts
    for name, unit in unit_contents(described.manifest).items():
        yield f".{UNITS}/{name}", unit.encode()
    documents = f"{DOCUMENTS}/{package.name}"
    changelog = texts.get(CHANGELOG) or changelog_text(package).encode()
    called = CHANGELOGS["-" in debian_version(package)]
    yield f"{documents}/{called}", stored(changelog)
    written = texts.get(COPYRIGHT) or copyright_of(package).encode()
    yield f"{documents}/copyright", written
    if overrides := overrides_text(described):
        yield f"{OVERRIDES}/{package.name}", overrides.encode()


def unit_contents(manifest: Manifest) -> dict[str, str]:
    """The units by their names; the package lies in the prefix itself."""
    package = manifest.package
    if not has_systemd(package):
        return {}
    data = writable(package, manifest.entries)
    return {
        unit_name(package, each.name): systemd_unit(package, each, package.prefix, data)
        for each in package.services
    }


def changelog_text(package: Package) -> str:
    """Encode a changelog of one entry, which has no date of its own: see ustar.EPOCH."""
    return (
        f"{package.name} ({debian_version(package)}) stable; urgency=medium\n"
        "\n"
        f"  * Version {package.version}.\n"
        "\n"
        f" -- {maintainer(package)}  {_EPOCH}\n"
    )


def copyright_of(package: Package) -> str:
    """Encode what is known of a package's copyright."""
    licence = line(package.license) or "not stated"
    lines = [
        f"{package.name}: {line(package.summary) or package.name}",
        "",
        f"Copyright: {maintainer(package)}",
        f"License: {licence}",
    ]
    places = list(dict.fromkeys(_common(licence)))
    if places:
        lines += ["", "On Debian systems, the text of the licence is in:", ""]
        lines += [f"    /usr/share/common-licenses/{name}" for name in places]
    return "".join(f"{each}\n" for each in lines)


def overrides_text(described: DebSource) -> str:
    """Encode the lintian overrides, each with its reason; "" if there are none."""
    manifest = described.manifest
    name, prefix = manifest.package.name, f"{manifest.package.prefix}/"
    reasons = []
    if not described.texts.get(COPYRIGHT):
        reason = "No year is stated: what a package holds depends on no clock."
        reasons.append((reason, "copyright-without-copyright-notice"))
    if prefix.startswith(_ADD_ON):
        reason = "Add-on software, which is not part of Debian, belongs in /opt (FHS 3.13)."
        reasons.append((reason, "dir-or-file-in-opt"))
    conffiles = any(entry.conffile for entry in manifest.entries)
    if conffiles and not prefix.startswith("/etc/"):
        reason = "Its configuration is next to it, wherever it is installed; dpkg keeps edits."
        reasons.append((reason, "non-etc-file-marked-as-conffile"))
    if manifest.package.python:
        reason = "What starts a console script is a program of sh and of Python at once."
        reasons.append((reason, "shell-script-fails-syntax-check"))
    reason = "The installer also looks into scratch roots, whose dpkg-query may not run here."
    reasons.append((reason, "uses-dpkg-database-directly"))
    if unit_names(manifest.package):
        reason = "No helper tells whether somebody has stopped a service, which must stay so."
        reasons.append((reason, "maintainer-script-calls-systemctl"))
    return "\n".join(f"# {reason}\n{name}: {tag}\n" for reason, tag in reasons)


def _common(licence: str) -> Iterator[str]:
    for word in _LICENCE.findall(licence):
        for name in (word, re.sub("-(only|or-later)$", "", word)):
            if name in _COMMON:
                yield _COMMON[name]


def stored(data: bytes) -> bytes:
    """Encode a gzip member (RFC 1952) whose bytes no version of zlib can change: not compressed."""
    blocks = [data[at : at + _LONGEST_STORED] for at in range(0, len(data) or 1, _LONGEST_STORED)]
    body = b"".join(
        struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks, 1)
    )
    return _DEFLATED + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
