"""Knows where a package is unpacked to see what becomes of it, and for how long."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact import digest
from provisioning.build.remove import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, on any Linux; a name of our own
_MOST = 4  # the part of the free memory that is taken at most: a fourth


@contextmanager
def scratch(work: Path, room: int) -> Iterator[Path]:
    """An empty directory for as long as the block runs; the lock of `work` must be held.

    It lies in memory, where a file costs a hundredth; below `work` where there are not enough free
    bytes for a package that takes `room`; or with what else is temporary where nothing can be
    written there. What a killed run left in any of them is removed.

    Raises:
        OSError: it cannot be made, or removed.
    """
    clear(work)
    in_memory, elsewhere = _named(_MEMORY, work), _named(_elsewhere(), work)
    if room * _MOST <= _free_memory() and _make(in_memory):
        directory = in_memory
    else:
        directory = _on_disk(work)
        try:
            directory.mkdir()
        except OSError:
            if not _make(elsewhere):
                raise
            directory = elsewhere
    try:
        yield directory
    finally:
        remove_tree(directory)


def clear(work: Path) -> None:
    """Remove what a killed run left; the lock of `work` must be held. Raises OSError."""
    for place in (_MEMORY, _elsewhere()):
        if _is_ours(directory := _named(place, work)):
            remove_tree(directory)
    remove_tree(_on_disk(work))


def _on_disk(work: Path) -> Path:
    return work / "scratch"


def _elsewhere() -> Path:
    return Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 - names are our own, as above


def _named(place: Path, work: Path) -> Path:
    # One name for each variant of each project and user, so that the next run finds what is left.
    whose = digest.of_bytes(os.fsencode(os.path.realpath(work)))
    return place / f"provisioning-{os.geteuid()}-{whose[:16]}"


def _make(directory: Path) -> bool:
    try:
        directory.mkdir(mode=0o700)
    except OSError:  # somebody else was there first, or there is no such file system
        return False
    return True


def _is_ours(path: Path) -> bool:
    try:
        return path.lstat().st_uid == os.geteuid()
    except OSError:
        return False


def _free_memory() -> int:
    try:
        status = os.statvfs(_MEMORY)
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        values = dict(line.split(":") for line in lines)
        available = int(values["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return 0
    return min(status.f_bavail * status.f_frsize, available)
