"""Knows what a Debian package tells of itself: control fields, copyright, changelog.

The sources are deb-control(5), Debian Policy 4.4, 5.3, 5.6.13 and 12, and lintian(1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.manifest import Manifest
    from provisioning.artifact.package import Package

_ADD_ON = "/opt/"
_SECTION, _PRIORITY = "misc", "optional"
_EPOCH = "Sat, 01 Jan 2000 00:00:00 +0000"  # tar.EPOCH, as RFC 5322 has it

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


def control(package: Package, installed_size: int) -> str:
    """Spell the file `control`; the size is in KiB."""
    fields = {
        "Package": package.name,
        "Version": package.version,
        "Architecture": package.arch,
        "Maintainer": maintainer(package),
        "Installed-Size": str(installed_size),
        "Section": _SECTION,
        "Priority": _PRIORITY,
        "Description": "\n ".join(_description(package)),
    }
    return "".join(f"{key}: {value}\n" for key, value in fields.items())


def maintainer(package: Package) -> str:
    """Who answers for a package: a field that every one must have."""
    return _line(package.maintainer) or f"{package.name} <root@localhost>"


def changelog(package: Package) -> str:
    """Spell a changelog of one entry, which holds no date of its own: see tar.EPOCH."""
    return (
        f"{package.name} ({package.version}) stable; urgency=medium\n"
        "\n"
        f"  * Version {package.version}.\n"
        "\n"
        f" -- {maintainer(package)}  {_EPOCH}\n"
    )


def copyright_of(package: Package) -> str:
    """Spell what is known of a package's copyright."""
    licence = _line(package.license) or "not told"
    lines = [
        f"{package.name}: {_line(package.summary) or package.name}",
        "",
        f"Copyright: {maintainer(package)}",
        f"License: {licence}",
    ]
    places = list(dict.fromkeys(_common(licence)))
    if places:
        lines += ["", "On Debian systems, the text of the licence is in:", ""]
        lines += [f"    /usr/share/common-licenses/{name}" for name in places]
    return "".join(f"{line}\n" for line in lines)


def overrides(manifest: Manifest) -> str:
    """Spell what lintian is told not to look for, each with the reason; "" where there is none."""
    name, prefix = manifest.package.name, f"{manifest.package.prefix}/"
    reasons = []
    if prefix.startswith(_ADD_ON):
        reason = "Add-on software, which is no part of Debian, belongs into /opt (FHS 3.13)."
        reasons.append((reason, "dir-or-file-in-opt"))
    conffiles = any(entry.conffile for entry in manifest.entries)
    if conffiles and not prefix.startswith("/etc/"):
        reason = "Its configuration lies beside it, wherever it is installed; dpkg keeps edits."
        reasons.append((reason, "non-etc-file-marked-as-conffile"))
    return "\n".join(f"# {reason}\n{name}: {tag}\n" for reason, tag in reasons)


def _common(licence: str) -> Iterator[str]:
    for word in _LICENCE.findall(licence):
        for name in (word, re.sub("-(only|or-later)$", "", word)):
            if name in _COMMON:
                yield _COMMON[name]


def _description(package: Package) -> Iterator[str]:
    """The lines of the field Description: what it is in short, and then more of it."""
    first, *more = package.summary.strip().splitlines() or [package.name]
    yield _line(first) or package.name
    told = [_line(line) or "." for line in more]
    while told[:1] == ["."]:
        del told[0]
    yield from told or [f"It is installed in {package.prefix}."]


def _line(text: str) -> str:
    """What can stand in one line, and do nothing to a terminal."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())
