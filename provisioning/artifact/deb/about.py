"""Knows what a Debian package tells of itself: copyright, changelog, lintian's overrides.

The sources are Debian Policy 4.4 and 12, and lintian(1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioning.artifact.deb import field, units
from provisioning.artifact.deb.described import COPYRIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.deb.described import Described
    from provisioning.artifact.package import Package

_ADD_ON = "/opt/"
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


def changelog(package: Package) -> str:
    """Spell a changelog of one entry, which holds no date of its own: see tar.EPOCH."""
    return (
        f"{package.name} ({package.version}) stable; urgency=medium\n"
        "\n"
        f"  * Version {package.version}.\n"
        "\n"
        f" -- {field.maintainer(package)}  {_EPOCH}\n"
    )


def copyright_of(package: Package) -> str:
    """Spell what is known of a package's copyright."""
    licence = field.line(package.license) or "not told"
    lines = [
        f"{package.name}: {field.line(package.summary) or package.name}",
        "",
        f"Copyright: {field.maintainer(package)}",
        f"License: {licence}",
    ]
    places = list(dict.fromkeys(_common(licence)))
    if places:
        lines += ["", "On Debian systems, the text of the licence is in:", ""]
        lines += [f"    /usr/share/common-licenses/{name}" for name in places]
    return "".join(f"{line}\n" for line in lines)


def overrides(described: Described) -> str:
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
    if units.names(manifest.package):
        reason = "Whether somebody has stopped a service, no helper tells: it stays so."
        reasons.append((reason, "maintainer-script-calls-systemctl"))
    return "\n".join(f"# {reason}\n{name}: {tag}\n" for reason, tag in reasons)


def _common(licence: str) -> Iterator[str]:
    for word in _LICENCE.findall(licence):
        for name in (word, re.sub("-(only|or-later)$", "", word)):
            if name in _COMMON:
                yield _COMMON[name]
