"""Knows what runs that were killed have left below `artifacts/`, and that nobody is at work on it.

Whatever has a temporary name belongs to whoever holds the lock of a variant: what its stages hand
to each other, and its releases of every version, many of which will never be built again.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import release
from provisioning.build import output, scratch
from provisioning.build.remove import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from provisioning.artifact.package import Package
    from provisioning.build.workspace import Workspace


_PLACES = ("*", ".work", ".work/*", ".work/*/*", ".work/*/*/render/**")
"""Where a run makes what is temporary; a package that lies unpacked may hold the same names."""
_swept: set[tuple[int, str]] = set()
"""Processes that have looked at all variants, with the directory of their artifacts."""


def names(package: Package) -> tuple[str, ...]:
    """What there may be at the top of a release, in whichever formats."""
    files = (name for each in release.FORMATS for name in release.files(package, each))
    tops = dict.fromkeys(name.partition("/")[0] for name in files)
    return (*tops, release.manifest_name(package), release.provenance_name(package), release.SUMS)


def sweep(place: Workspace) -> None:
    """Remove what was left of `place`, whose lock is held.

    The first time in a process, also what was left of all others, as far as nobody else can be at
    work: a thousand variants, each of which looked at all, would look a million times.
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
    """Remove what was left of `place` itself, if nobody is at work on it. Raises no OSError."""
    with _free([place.lock_file]) as free, suppress(OSError):
        if free:
            output.sweep(place.work, place.handed)
            output.sweep(place.release, names(place.package))
            scratch.clear(place.work)


def _sweep(directory: Path, names_of: Mapping[Path, Iterable[str]], held: Path) -> None:
    """Sweep `directory` of the temporary files of all who may own it, by their locks."""
    with _free(names_of.keys() - {held}) as free:
        for each in names_of.values() if free else ():
            output.sweep(directory, each)
        with suppress(OSError):  # it holds something else
            os.rmdir(directory)


def sweep_of(artifacts: Path, processes: Iterable[int]) -> None:
    """Remove what these processes left, which were of this run and make nothing any more."""
    for process in processes:
        for place in _PLACES:
            for ending in (f"{process}.tmp", f"{process}.old.tmp", f"{process}-*.tmp"):
                for left in artifacts.glob(f"{place}/.*.{ending}"):
                    remove_tree(left)
    for owner in _owners(artifacts):
        _clear(owner)


def _clear(owner: _Owner) -> None:
    """Remove where a package was unpacked by a run that is no more."""
    with _free([owner.lock]) as free, suppress(OSError):  # it is tried again the next time
        if free:
            scratch.clear(owner.work)


def _owners(artifacts: Path) -> list[_Owner]:
    return [_Owner(lock) for lock in artifacts.glob(".work/*/*.lock")]


class _Owner(NamedTuple):
    """A variant that was built here, now or once."""

    lock: Path

    @property
    def work(self) -> Path:
        """Where its stages hand things to each other."""
        return self.lock.with_suffix("")

    def package(self, directory: str, like: Package) -> Package | None:
        """The package of it whose release a directory may be, by its name; for any processor."""
        name, platform = self.work.parent.name, self.work.name
        version = directory.removeprefix(f"{name}-").removesuffix(f"-{platform}")
        found = like._replace(name=name, version=version, platform=platform, arch="*")
        return found if release.stem(found) == directory else None


@contextmanager
def _free(locks: Iterable[Path]) -> Iterator[bool]:
    """Whether nobody holds one of `locks`; then nobody does for as long as the block runs."""
    with ExitStack() as held:
        try:
            for lock in locks:
                file = held.enter_context(open(lock, "rb"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _directories(artifacts: Path) -> list[Path]:
    """Where there may be releases."""
    try:
        with os.scandir(artifacts) as found:
            real = [each.name for each in found if each.is_dir(follow_symlinks=False)]
    except OSError:
        return []  # nothing was built here
    return [artifacts / name for name in real if not name.startswith(".")]
