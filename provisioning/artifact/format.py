"""Knows which formats artifacts have, and what reads each.

What reads zips and Debian packages is imported where one comes: a target's tool, which Python
compiles anew whenever it starts, starts so much sooner.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from provisioning.artifact import contents, proof
from provisioning.artifact.release import CODECS, DEB, DIR, FORMATS, ZIP, format_of
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO

    from provisioning.artifact.contents import Write
    from provisioning.artifact.finding import Finding
    from provisioning.artifact.index import Index
    from provisioning.artifact.manifest import Manifest
    from provisioning.artifact.whole import Whole


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

    def whole(self, name: str) -> Whole:
        """Tell what it is, once all findings have been asked for; it is called `name`."""


class Prove(Protocol):
    """What proves on several processors that an artifact is sound."""

    def __call__(
        self, write: Write | None = None, meanwhile: Callable[[], object] | None = None
    ) -> Whole | None:
        """Return what it is; None where it is not proved.

        `write` is handed the files as by `Reader.findings`, but in other processes, and the
        manifest too. While those are at work, `meanwhile` is called.
        """


def reader(file: FileIO, name: str, most_chunks: int = 0) -> Reader:
    """Read an artifact that is called `name`: see `contents.Reading`. Raises ArtifactError."""
    format = format_of(name)
    if format in CODECS:
        return contents.Reading(file, CODECS[format], most_chunks)
    if format == ZIP:
        from provisioning.artifact.zip import reader as zips  # noqa: PLC0415

        return zips.Reading(file)
    if format == DEB:
        from provisioning.artifact.deb import reader as debs  # noqa: PLC0415

        return debs.Reading(file)
    known = ", ".join(f".{each}" for each in FORMATS if each != DIR)
    raise ArtifactError(f"is no artifact, as its name tells, which ends in none of {known}")


def prover(file: FileIO, name: str, reading: Reader, says: Index | None) -> Prove | None:
    """What proves on several processors that the artifact `name` is sound; None if nothing can.

    `says` is its index, if it has one; its manifest was read by `reading`.
    """
    if isinstance(reading, contents.Reading):
        return partial(proof.prove, file, reading, says and says._replace(archive=name))
    if format_of(name) == ZIP:
        from provisioning.artifact.zip import proof as zips  # noqa: PLC0415
        from provisioning.artifact.zip.reader import Reading  # noqa: PLC0415

        return partial(zips.prove, file, reading) if isinstance(reading, Reading) else None
    return None
