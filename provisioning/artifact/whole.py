"""Knows what an artifact that was read to its end turned out to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from provisioning.artifact.index import Index
    from provisioning.artifact.package import Package


class Whole(NamedTuple):
    """What is held against the files beside an artifact."""

    manifest: bytes
    package: Package
    digest: str  # of the file; of a directory, its manifest's
    indexed: Index | None  # of chunks alone
