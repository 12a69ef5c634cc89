"""Knows which formats artifacts have, and what reads each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from provisioning.artifact.contents import Reading
from provisioning.artifact.release import CODECS, format_of
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

    from provisioning.artifact.contents import Write
    from provisioning.artifact.finding import Finding
    from provisioning.artifact.manifest import Manifest


class Reader(Protocol):
    """One pass over an artifact, from its first byte to its last.

    Raises ArtifactError, here and later, where it is damaged or not of its format.
    """

    @property
    def data(self) -> bytes:
        """The bytes of its manifest."""

    @property
    def manifest(self) -> Manifest:
        """What is meant to be in it."""

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        """Hold all that is in it against the manifest.

        `write` is handed each file that is listed, with its content; what it has written by the
        time that it is called again is right, or a finding came first.
        """


def reader(file: FileIO, name: str) -> Reader:
    """Read an artifact that is called `name`. Raises ArtifactError."""
    return Reading(file, codec_of(name))


def codec_of(name: str) -> str:
    """What the chunks of an artifact called `name` are compressed with. Raises ArtifactError."""
    format = format_of(name)
    if format not in CODECS:
        known = ", ".join(f".{each}" for each in CODECS)
        raise ArtifactError(f"is no artifact, as its name tells, which ends in none of {known}")
    return CODECS[format]
