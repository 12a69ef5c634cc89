"""The formats of artifacts, what reads and what writes each: a new one is a line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO

    from provisioning.artifact.contents import Finding, Write
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.tar.chunking import Index, Summary


class Format(NamedTuple):
    """A kind of artifact."""

    name: str
    """As specs have it; a file of this format ends in `.` and its name."""
    writer: str
    """The module in builder/archive that writes it: by name, since a target does not have it."""
    reader: str = ""
    """MODULE:CLASS of its `Reader`; "" for a directory, see contents.py."""
    codec: str = ""
    """For an archive that is cut into chunks, and has an index: one of codec.READERS."""


ZIP, DEB, DIR = "zip", "deb", "dir"
FORMATS = {
    each.name: each
    for each in (
        Format("tar.gz", "tar", "tar.reader:TarReader", "gzip"),
        Format("tar.zst", "tar", "tar.reader:TarReader", "zstd"),
        Format("tar.xz", "tar", "tar.reader:TarReader", "xz"),
        Format(ZIP, "zip", "zip.reader:ZipReader"),
        Format(DEB, "deb", "deb.reader:DebReader"),
        Format(DIR, "directory"),
    )
}
CODECS = {each.name: each.codec for each in FORMATS.values() if each.codec}
"""The codecs of the formats that are cut into chunks."""


def format_of(name: str) -> str | None:
    """The format of a file, by its name; None if no artifact has such a name."""
    return next((each for each in FORMATS if each != DIR and name.endswith(f".{each}")), None)


def reader(file: FileIO, name: str, most_chunks: int = 0) -> Reader:
    """Begin to read the artifact `name`. Raises ArtifactError.

    Of an archive with chunks, `most_chunks` and one more are remembered for its index.
    """
    format = FORMATS.get(format_of(name) or "")
    if not format:
        known = ", ".join(f".{each}" for each in FORMATS if each != DIR)
        raise ArtifactError(f"is not an artifact: its name must end in one of {known}")
    module, kind = format.reader.split(":")
    # Imported here: reading one format need not load the others.
    made: Callable[..., Any] = getattr(import_module(f"{__package__}.{module}"), kind)
    opened: Reader = made(file, format.codec, most_chunks) if format.codec else made(file)
    return opened


class Reader(Protocol):
    """One pass over an artifact, from its first byte to its last.

    Raises ArtifactError, here and later, if it is damaged or not of its format.
    """

    @property
    def data(self) -> bytes:
        """The bytes of its manifest."""

    @property
    def manifest(self) -> Manifest:
        """What the artifact should hold."""

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        """Compare all that follows the manifest with it, and read to the end.

        `write` gets each listed file with its content, in order. What it has written is known to be
        correct at the next call, unless a finding came first.
        """

    def summary(self, name: str) -> Summary:
        """What the artifact `name` turned out to be, once all findings were read."""

    def prover(self, says: Index | None) -> Prove | None:
        """A function that verifies the artifact on all processors; None if only one can read the
        format.

        `says` is its index, if it has one, which is verified as well.
        """


class Prove(Protocol):
    """Verifies an artifact on all processors."""

    def __call__(
        self, write: Write | None = None, meanwhile: Callable[[], object] | None = None
    ) -> Summary | None:
        """Return what the artifact is, or None if it could not be proved.

        `write` gets the files as from `Reader.findings`, but in other processes, and the manifest
        too. While those work, `meanwhile` is called.
        """
