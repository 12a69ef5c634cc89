"""Scratch directories, and what killed runs left behind: temporary files and directories."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.formats import FORMATS
from provisioning.artifact.model import release
from provisioning.artifact.model.sums import SIGNATURE, SUMS
from provisioning.builder.workspace import listings, output
from provisioning.builder.workspace.output import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from provisioning.artifact.model.package import Package
    from provisioning.builder.workspace.paths import Workspace

_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, on any Linux; a name of our own
_MOST = 4  # the part of the free memory that is taken at most: a fourth


@contextmanager
def scratch(work: Path, room: int) -> Iterator[Path]:
    """An empty directory for as long as the block runs; the lock of `work` must be held.

    It is in memory, where a file costs a hundredth; or below `work`, if memory is short for a
    package that takes `room`; or in TMPDIR, if nothing can be written there. What a killed run left
    in any of them is removed.

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
    whose = filesystem.of_bytes(os.fsencode(os.path.realpath(work)))
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


_PLACES = ("*", ".work", ".work/*", ".work/*/*", ".work/*/*/render/**")
"""Where a run makes what is temporary; a package that lies unpacked may hold the same names."""
_swept: set[tuple[int, str]] = set()
"""Processes that have looked at all variants, with the directory of their artifacts."""


def names(package: Package) -> tuple[str, ...]:
    """The names at the top of a release, in all formats."""
    files = (name for each in FORMATS for name in release.files(package, each))
    tops = dict.fromkeys(name.partition("/")[0] for name in files)
    naming = (release.manifest_name, release.provenance_name, release.bill_name)
    return (*tops, *(name(package) for name in naming), SUMS, SIGNATURE)


def sweep(place: Workspace) -> None:
    """Remove what killed runs left of `place`, whose lock is held.

    The first time in a process, also what they left of all other variants that nobody is working
    on: a thousand variants, each of which looked at all, would look a million times.
    """
    for directory, made in ((place.work, place.handed), (place.release, names(place.package))):
        output.sweep(directory, made)
    swept = (os.getpid(), os.path.abspath(place.release.parent))
    if swept not in _swept:
        _swept.add(swept)
        _sweep_all(place)


def _sweep_all(place: Workspace) -> None:
    owners = _owners(place.release.parent)
    for owner in owners:
        if owner.lock != place.lock_file:
            if output.is_littered(owner.work):
                _sweep(owner.work, {owner.lock: place.handed}, place.lock_file)
            _clear(owner)
    for directory in filter(output.is_littered, _directories(place.release.parent)):
        # Of `a-b-1-linux`, both `a` and `a-b` may have a version.
        known = {owner.lock: owner.package(directory.name, place.package) for owner in owners}
        made = {lock: names(package) for lock, package in known.items() if package}
        _sweep(directory, made, place.lock_file)


def sweep_own(place: Workspace) -> None:
    """Remove what killed runs left of `place`, if nobody works on it. Raises no OSError."""
    with _free([place.lock_file]) as free, suppress(OSError):
        if free:
            output.sweep(place.work, place.handed)
            output.sweep(place.release, names(place.package))
            clear(place.work)
    listings.sweep(place)


def _sweep(directory: Path, names_of: Mapping[Path, Iterable[str]], held: Path) -> None:
    """Sweep `directory` of the temporary files of all who may own it, by their locks."""
    with _free(names_of.keys() - {held}) as free:
        for each in names_of.values() if free else ():
            output.sweep(directory, each)
        with suppress(OSError):  # it holds something else
            os.rmdir(directory)


def sweep_of(artifacts: Path, processes: Iterable[int]) -> None:
    """Remove what these processes of this run left, which have ended."""
    for process in processes:
        for place in _PLACES:
            for ending in (f"{process}.tmp", f"{process}.old.tmp", f"{process}-*.tmp"):
                for left in artifacts.glob(f"{place}/.*.{ending}"):
                    remove_tree(left)
    for owner in _owners(artifacts):
        _clear(owner)


def _clear(owner: _Owner) -> None:
    """Remove the scratch directory of a run that has ended."""
    with _free([owner.lock]) as free, suppress(OSError):  # it is tried again the next time
        if free:
            clear(owner.work)


def _owners(artifacts: Path) -> list[_Owner]:
    return [_Owner(lock) for lock in artifacts.glob(".work/*/*.lock")]


class _Owner(NamedTuple):
    """A variant that was built here, now or once."""

    lock: Path

    @property
    def work(self) -> Path:
        """The directory of its stages' results."""
        return self.lock.with_suffix("")

    def package(self, directory: str, like: Package) -> Package | None:
        """The package of this variant that a release directory belongs to, by its name."""
        name, platform = self.work.parent.name, self.work.name
        version = directory.removeprefix(f"{name}-").removesuffix(f"-{platform}")
        found = like._replace(name=name, version=version, platform=platform, arch="*")
        return found if release.stem(found) == directory else None


@contextmanager
def _free(locks: Iterable[Path]) -> Iterator[bool]:
    """Take `locks` for as long as the block runs; false if somebody holds one."""
    with ExitStack() as held:
        try:
            for lock in locks:
                file = held.enter_context(open(lock, "rb"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # guard: lock-of-a-build
        except OSError:
            yield False
        else:
            yield True


def _directories(artifacts: Path) -> list[Path]:
    """The directories that may be releases."""
    try:
        with os.scandir(artifacts) as found:
            real = [each.name for each in found if each.is_dir(follow_symlinks=False)]
    except OSError:
        return []  # nothing was built here
    return [artifacts / name for name in real if not name.startswith(".")]
