"""Knows how SHA256SUMS comes about: from what lies on disk, not from what was meant to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import digest, index
from provisioning.build import output
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from provisioning.build.workspace import Workspace


def write(place: Workspace) -> None:
    """Read the artifacts of `place` back and write SHA256SUMS, which makes the release complete.

    Raises:
        BuildError: the archive is not what the index, written at the same time, says.
        OSError: a file cannot be read or written.
    """
    digests = {
        path.name: digest.of_file(path) for path in (place.archive, place.index, place.manifest)
    }
    meant = index.parse(place.index.read_bytes(), str(place.index)).digest
    if digests[place.archive.name] != meant:
        raise BuildError(
            f"{place.archive}: not what was written there; is the disk sound? Run doit again"
        )
    lines = (f"{value}  {name}\n" for name, value in sorted(digests.items()))
    output.write(place.sums, "".join(lines).encode())
