"""Knows how a release comes to lie in a prefix: complete, on the disk, and then by its name."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import tree
from provisioning.artifact.descent import Descent
from provisioning.artifact.digest import MIB
from provisioning.artifact.entry import DIR
from provisioning.artifact.extract import Writer
from provisioning.artifact.files import reason
from provisioning.artifact.installed import RELEASES, stored
from provisioning.artifact.mtime import of_content
from provisioning.artifact.path import MANIFEST
from provisioning.artifact.team import Team
from provisioning.errors import TargetError
from provisioning.target.durable import Owned, settle
from provisioning.target.earlier import Earlier
from provisioning.target.owners import can_give
from provisioning.target.syncing import sync_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from provisioning.artifact.contents import Write
    from provisioning.artifact.entry import Entry
    from provisioning.target.home import Home
    from provisioning.target.releases import Release
    from provisioning.target.source import Source

    Progress = Callable[[int], object]

_OPEN = Owned(0o755)
_SOME = 256  # entries that are read back at a time
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


class Stage(NamedTuple):
    """What a release is written from, and who is told."""

    source: Source
    release: Release
    old: Release | None
    """One that lies in the prefix already, and may have the same files."""
    progress: Progress


def stage(home: Home, of: Stage) -> str:
    """Write a release into a directory with a temporary name, sync it, and read it back.

    Returns its path. Whatever goes wrong, nothing is left behind.

    Raises:
        RefusedError: the package is not what its manifest says.
        TargetError: it cannot be read, or not be written.
    """
    with _telling(home), home.directory.opened(RELEASES) as opened:
        made = _staged(home, of, opened)
        if not made and of.old:  # somebody has changed what they would share
            made = _staged(home, of._replace(old=None), opened)
    if not made:
        raise TargetError(f"{home.path}: what is read there is not what was written")
    return made


def place(home: Home, made: str, release: Release) -> None:
    """Give what was staged its name."""
    with _telling(home):
        home.directory.move(made, release.path)


def _staged(home: Home, of: Stage, opened: int) -> str:
    """Write a release, sync it, and read it back; "" if that is not what was to be written."""
    made = _proved(home, of) or _made(home, of, of.source.read)
    try:
        sync_below(home.directory, made, opened)
        if _is_whole(home, made, of.release):
            return made
    except BaseException:
        home.directory.remove_tree(made)
        raise
    home.directory.remove_tree(made)
    return ""


def _proved(home: Home, of: Stage) -> str:
    """Write a release with all processors; "" where that does not go well, for any reason.

    What went wrong is told when it is written once more, by one.
    """
    if of.source.prover is None:
        return ""

    def read(write: Write) -> None:
        if not of.source.proves(write):
            raise _NotProvedError

    try:
        return _made(home, of, read)
    except _NotProvedError:
        return ""


def _made(home: Home, of: Stage, read: Callable[[Write], None]) -> str:
    """Write a release, whose files `read` hands on."""
    directory = home.directory
    made = directory.temporary(RELEASES)
    try:
        with directory.opened(made) as into, Earlier(home, of.old) as earlier:
            _write(home, of, _Writer(into, of.release, earlier), read)
            settle(into, _OPEN)
    except BaseException:
        directory.remove_tree(made)
        raise
    return made


def _write(home: Home, of: Stage, writer: _Writer, read: Callable[[Write], None]) -> None:
    lies = {entry.path: entry for entry in of.release.layout.release}

    def write(entry: Entry, blocks: Iterable[bytes]) -> None:
        if entry.path == MANIFEST:
            return
        try:
            writer.write(lies[stored(entry).path], blocks)
        except OSError as error:  # here: it is no fault of the source
            raise _told(home, error) from None
        of.progress(entry.size)

    with writer:
        writer.write(lies[MANIFEST], [of.release.data])
        of.progress(lies[MANIFEST].size)
        read(write)
        writer.finish()


class _NotProvedError(TargetError):
    """Something went wrong, and nobody knows what."""


class _Writer(Writer):
    """Writes a release, and shares with an earlier one the files that are the same."""

    def __init__(self, into: int, release: Release, earlier: Earlier) -> None:
        super().__init__(into, release.layout.release, owners=can_give())
        self._earlier = earlier

    def fill(self, descriptor: int, entry: Entry, blocks: Iterable[bytes]) -> None:
        if not self._earlier.take(entry, descriptor):
            super().fill(descriptor, entry, blocks)
        # Whatever the archive said: two releases may be installed in one second, by any clock, and
        # Python would run the byte code of the one as that of the other.
        time = of_content(entry)
        os.utime(descriptor, (time, time))


def _is_whole(home: Home, made: str, release: Release) -> bool:
    entries = release.layout.release

    def holds(number: int) -> bool:
        return tree.holds(written, entries[number * _SOME : (number + 1) * _SOME])

    with home.directory.opened(made) as into, Descent(into) as written:
        shares = -(-len(entries) // _SOME)
        with Team(holds, shares) as team:  # for which `written` has to be there
            return team.agrees()


@contextmanager
def _telling(home: Home) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _told(home, error) from None


def _told(home: Home, error: OSError) -> TargetError:
    return TargetError(f"{home.path}: cannot be written: {reason(error)}")


def _mib(size: int) -> str:
    return f"{size / MIB:.1f} MiB"
