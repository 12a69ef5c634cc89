"""Knows how a release comes to lie in a prefix: complete, on the disk, and then by its name."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provisioning.artifact import tree
from provisioning.artifact.descent import Descent
from provisioning.artifact.digest import MIB
from provisioning.artifact.entry import DIR
from provisioning.artifact.extract import Writer
from provisioning.artifact.files import reason
from provisioning.artifact.installed import RELEASES, stored
from provisioning.artifact.path import MANIFEST
from provisioning.errors import TargetError
from provisioning.target.durable import Owned, settle, sync_below
from provisioning.target.owners import can_give

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from provisioning.artifact.entry import Entry
    from provisioning.target.home import Home
    from provisioning.target.releases import Release
    from provisioning.target.source import Source

    Progress = Callable[[int], object]

_OPEN = Owned(0o755)
_SLACK_BYTES, _SLACK_NODES = MIB, 64  # for records, links and configuration


def demand_room(home: Home, release: Release) -> None:
    """Demand that a release fits on the disk. Raises TargetError."""
    there = next(path for path in (home.path, *home.path.parents) if os.path.exists(path))
    room = os.statvfs(there)
    block = room.f_frsize or 4096
    sizes = (-(-entry.size // block) * block for entry in release.layout.release)
    directories = sum(entry.type == DIR for entry in release.layout.release)
    needed = sum(sizes) + directories * block + _SLACK_BYTES
    if needed > room.f_bavail * block:
        raise TargetError(
            f"{home.path}: {_mib(needed)} are needed, {_mib(room.f_bavail * block)} are free"
        )
    nodes = len(release.layout.release) + _SLACK_NODES
    if room.f_files and nodes > room.f_favail:  # where there is no limit, there is no number
        raise TargetError(f"{home.path}: {nodes} inodes are needed, {room.f_favail} are free")


def stage(home: Home, source: Source, release: Release, progress: Progress) -> str:
    """Write a release into a directory with a temporary name, sync it, and read it back.

    Returns its path. Whatever goes wrong, nothing is left behind.

    Raises:
        RefusedError: the package is not what its manifest says.
        TargetError: it cannot be read, or not be written.
    """
    directory = home.directory
    with _telling(home), directory.opened(RELEASES) as opened:
        made = directory.temporary(RELEASES)
        try:
            with directory.opened(made) as into:
                _write(home, into, source, (release, progress))
            sync_below(directory, made, opened)
            _read_back(home, made, release)
        except BaseException:
            directory.remove_tree(made)
            raise
    return made


def place(home: Home, made: str, release: Release) -> None:
    """Give what was staged its name."""
    with _telling(home):
        home.directory.move(made, release.path)


def _read_back(home: Home, made: str, release: Release) -> None:
    with home.directory.opened(made) as into, Descent(into) as written:
        if not tree.holds(written, release.layout.release):
            raise OSError(errno.EIO, "what was written is not what is read")


def _write(home: Home, into: int, source: Source, of: tuple[Release, Progress]) -> None:
    release, progress = of
    lies = {entry.path: entry for entry in release.layout.release}

    def write(entry: Entry, blocks: Iterable[bytes]) -> None:
        with _telling(home):  # here: it is no fault of the source
            writer.write(lies[stored(entry).path], blocks)
        progress(entry.size)

    with Writer(into, release.layout.release, owners=can_give()) as writer:
        writer.write(lies[MANIFEST], [release.data])
        source.read(write)
        writer.finish()
    settle(into, _OPEN)


@contextmanager
def _telling(home: Home) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(f"{home.path}: cannot be written: {reason(error)}") from None


def _mib(size: int) -> str:
    return f"{size / MIB:.1f} MiB"
