"""Knows what a manifest states of a Debian package that follows neither from entries nor a rule.

Scripts, units and documents are texts of the version that made the package. Another one has others,
so none spells them again to prove them: the manifest has their digests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.deb import extra
from provisioning.artifact.path import shown
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioning.artifact.manifest import Manifest

CONTROL = "DEBIAN/"  # where dpkg-deb(1) has what becomes the control member
SCRIPTS = ("postinst", "postrm", "preinst", "prerm")


def stated(manifest: Manifest) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The digests of the scripts by their names, and those of the extras by their paths.

    Raises ArtifactError where the manifest has none, or those of what no Debian package holds.
    """
    files = dict(manifest.package.debian_files)
    if not files:
        raise ArtifactError(
            "its manifest does not say what its scripts are, as none of an older version of this"
            " tool does; verify it with the version that made it, or build it again"
        )
    scripts, extras = dict[str, str](), dict[str, str]()
    for name, digest in files.items():
        if not name.startswith(CONTROL):
            extras[f"./{name}"] = digest
        elif name[len(CONTROL) :] in SCRIPTS:
            scripts[name[len(CONTROL) :]] = digest
        else:
            raise ArtifactError(f"{shown(name)}: is no script that dpkg runs")
    extra.demand_places(manifest, extras)
    return scripts, extras
