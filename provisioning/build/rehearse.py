"""Knows which two releases of a package are tried, and what trying them has shown."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import tree
from provisioning.artifact.extract import extract
from provisioning.artifact.view import view
from provisioning.build.layout import Layout
from provisioning.build.rebuild import build_elsewhere
from provisioning.build.scratch import scratch
from provisioning.build.trial import HOWS, Break, Trial, some
from provisioning.build.workspace import Workspace, workspace
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EARLIER = "0~rehearsal"
"""The version that a package is built in once more where there is no earlier release of it."""
_COPIES = 8  # of the package, in a scratch root and on the way there
_PAGE = 4096  # bytes: what is not filled, and what is known of a file


class Rehearsal(NamedTuple):
    """What a rehearsal has shown: it went well if there are no faults."""

    package: str
    platform: str
    old: str
    new: str
    """Versions."""
    changes: int
    """To the disk, that the installation took."""
    broken: int
    """How many times it was broken on the way."""
    faults: tuple[tuple[Break, str], ...]


def rehearse(
    layout: Layout, place: Workspace, earlier: Path | None, most: int, step: Callable[[int], object]
) -> Rehearsal:
    """Install what was built over an `earlier` artifact, in a scratch root, and break it.

    At most `most` points are tried, each in both of HOWS; `step` is told how many there were.

    Raises:
        BuildError: it was not built, or an unbroken installation, or going back, does not do it.
        OSError: something cannot be read or written.
    """
    artifact = next((path for path in place.artifacts if path.exists()), None)
    if artifact is None:
        raise BuildError(f"{place.release}: is not built; run doit package first")
    with place.lock(), scratch(place.work, _COPIES * _room(artifact)) as directory:
        old, new = directory / "old", directory / "new"
        _unpack(artifact, new)
        _unpack(earlier or _earlier(layout, place, directory / "build"), old)
        before, after = (tree.read_manifest(each)[1].package for each in (old, new))
        trial = Trial(old, new, after.prefix, directory / "trial")
        changes = trial.changes()
        breaks = [Break(how, at) for at in some(changes, most) for how in HOWS]
        faults = []
        for number, (each, fault) in enumerate(trial.broken(breaks), 1):
            step(number)
            if fault:
                faults.append((each, fault))
    versions = before.version, after.version
    return Rehearsal(after.name, after.platform, *versions, changes, len(breaks), tuple(faults))


def _room(artifact: Path) -> int:
    """What the package takes on a disk, as an artifact and unpacked, or more."""
    manifest = view(artifact, str(artifact)).manifest
    unpacked = sum(entry.size + _PAGE for entry in manifest.entries)
    return 2 * unpacked


def _unpack(artifact: Path, into: Path) -> None:
    if artifact.is_dir():
        shutil.copytree(artifact, into, symlinks=True)
        return
    into.mkdir()
    extract(artifact, into)


def _earlier(layout: Layout, place: Workspace, directory: Path) -> Path:
    """The same package as a release of an earlier version."""
    variant = layout.variant._replace(version=EARLIER)
    described = workspace(variant, str(directory))
    directory.mkdir()
    again = build_elsewhere(Layout(variant=variant, items=layout.items), described, directory)
    return again.artifact(place.formats[0])
