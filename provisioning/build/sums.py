"""Knows how SHA256SUMS comes about: from what lies on disk, not from what was meant to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import digest, index
from provisioning.artifact.release import CODECS, index_name
from provisioning.build import output
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from provisioning.build.workspace import Workspace


def write(place: Workspace) -> None:
    """Read the artifacts of `place` back and write SHA256SUMS, which makes the release complete.

    Raises:
        BuildError: an archive is not what its index, written at the same time, says.
        OSError: a file cannot be read or written.
    """
    digests = {path: digest.of_file(path) for path in place.packed}
    for format in CODECS.keys() & {*place.formats}:
        archive = place.artifact(format)
        indexed = archive.with_name(index_name(archive.name))
        if digests[archive] != index.parse(indexed.read_bytes(), str(indexed)).digest:
            raise BuildError(
                f"{archive}: not what was written there; is the disk sound? Run doit again"
            )
    names = {str(path.relative_to(place.release)): value for path, value in digests.items()}
    lines = (f"{value}  {name}\n" for name, value in sorted(names.items()))
    output.write(place.sums, "".join(lines).encode())
