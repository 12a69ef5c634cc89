"""The last builds of a variant, with what they made: for the plot of `provision report`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.builder.workspace import output

if TYPE_CHECKING:
    from provisioning.builder.workspace.paths import Workspace

MOST = 50
"""How many builds are remembered: a plot of more could not be read."""
_LARGEST = 1 << 63  # bytes, which no file has


class Build(NamedTuple):
    """What one build made."""

    version: str
    manifest: str
    """The digest of its manifest: builds with the same one made the same."""
    sizes: dict[str, int]
    """The bytes of each artifact, by its format; of an unpacked package, those of its tar."""


def remember_build(place: Workspace, build: Build) -> None:
    """Add a build to those that are remembered, unless the last one made the same."""
    known = builds(place)
    if not known or known[-1] != build:
        last = [each._asdict() for each in (*known, build)[-MOST:]]
        output.remember(place.builds, (f"{json.dumps(last)}\n".encode(),))


def builds(place: Workspace) -> tuple[Build, ...]:
    """The builds that are remembered, the last one at the end; none if the file is damaged."""
    try:
        return tuple(map(_build, json.loads(place.builds.read_bytes())))
    except (OSError, ValueError, TypeError, RecursionError):
        return ()


def _build(told: Any) -> Build:
    match told:
        case {"version": str(version), "manifest": str(manifest), "sizes": dict(sizes)} if (
            version and all(type(size) is int and 0 <= size < _LARGEST for size in sizes.values())
        ):
            return Build(version, manifest, sizes)
    raise ValueError("this is no build")
