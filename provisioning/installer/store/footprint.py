"""Notes what a package creates beside its releases: a purge removes that, and nothing else.

It is noted before it is created. What was noted and is not there was removed since, or never
created, and is dropped with the next note.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.model.entry import DEVICE
from provisioning.artifact.model.placement import BESIDE, OWN, STATE
from provisioning.installer.store.durable import TEMPORARY, Owned
from provisioning.installer.store.prefix import NEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

PATH = f"{STATE}/made"
PREFIX = "."
DIRECTORY, DATA, FILE, OTHER = KINDS = ("directory", "data", "file", "other")
"""A purge removes a directory if it is empty, one of data with its content, and a file with its
versions beside it, except those that were there before (OTHER)."""

_OWNED = Owned(0o600)
_SETTLED = 0o755


def is_new(home: Home) -> bool:
    """Whether a prefix was just created, or is about to go, and may be removed if empty."""
    status = home.directory.status("")
    return status is not None and stat.S_IMODE(status.st_mode) == NEW


def settle_prefix(home: Home) -> None:
    """Note that a prefix was created, if it was."""
    if is_new(home):
        note(home, {PREFIX: DIRECTORY})
        home.directory.chmod("", _SETTLED)


def give_up_prefix(home: Home) -> None:
    """Give a prefix that was created the mode of a new one, before its note goes."""
    if PREFIX in read(home):
        home.directory.chmod("", NEW)


def read(home: Home) -> dict[str, str]:
    """Return what was noted: paths below the prefix, and their kinds."""
    lines = (home.directory.read(PATH) or b"").decode(errors="surrogateescape").splitlines()
    found = (line.partition(" ") for line in lines)
    return {path: kind for kind, _, path in found if kind in KINDS and path}


def note(home: Home, coming: Mapping[str, str]) -> None:
    """Note what is about to be created."""
    before = home.directory.read(PATH)
    found = {**_still(home, read(home)), **coming}
    lines = (f"{kind} {path}\n" for path, kind in sorted(found.items()))
    data = "".join(lines).encode(errors="surrogateescape")
    if data != before:
        home.directory.write(PATH, data, _OWNED)


def already(home: Home, before: Release | None, new: Release) -> dict[str, str]:
    """Return what there already is of a package; `before` is what was installed last."""
    if before:
        return known(home, before)
    return _claimed(home) if new.package.device else {}


def known(home: Home, about: Release | None) -> dict[str, str]:
    """Return what exists and a package created, even one that an older tool installed."""
    found = _still(home, read(home))
    beside = {path + suffix for path, kind in found.items() for suffix in _beside(path, kind)}
    found.update((path, FILE) for path in beside - {*found} if home.directory.status(path))
    if about and home.directory.status(PATH) is None:
        found = _assumed(home, about)
    if about and about.package.device and home.directory.status(DEVICE):
        found[DEVICE] = FILE  # it is only written for the package
    return found


def places(home: Home) -> set[str]:
    """Return the directories of what was noted."""
    found = read(home)
    ways = {path for path, kind in found.items() if kind == DIRECTORY and path != PREFIX}
    return ways | {path.rpartition("/")[0] for path in found}


def goes(home: Home, path: str, kinds: Mapping[str, str]) -> bool:
    """Whether a purge removes what lies at a path, given the kinds of all paths."""
    kind = kinds.get(path, OTHER)
    return kind in {DATA, FILE} or (kind == DIRECTORY and not home.directory.names(path))


def files(home: Home, paths: Iterable[str]) -> dict[str, str]:
    """Return what to note about configuration files that are about to be written."""
    new = [path for path in paths if home.directory.status(path) is None]
    beside = (path + suffix for path in new for suffix in BESIDE)
    others = (path for path in beside if path not in new and home.directory.status(path))
    return {**dict.fromkeys(others, OTHER), **dict.fromkeys(new, FILE)}


def _assumed(home: Home, about: Release) -> dict[str, str]:
    """What an older tool, which noted nothing, has surely created."""
    ways = [entry.path for entry in (*about.layout.above, *about.layout.data)]
    if about.package.device:
        ways.append(DEVICE.rpartition("/")[0])
    found = dict.fromkeys((PREFIX, *ways), DIRECTORY)
    for entry in about.layout.conffiles:
        # guard: assumed-of-an-older-tool
        if filesystem.of_bytes(home.directory.read(entry.path) or b"") == entry.digest:
            found.update((entry.path + suffix, OTHER) for suffix in BESIDE)
            found[entry.path] = FILE
    return _still(home, found)


def _beside(path: str, kind: str) -> tuple[str, ...]:
    return BESIDE if kind == FILE and not path.endswith(BESIDE) else ()


def _claimed(home: Home) -> dict[str, str]:
    """Directories that somebody created only for the values of this machine."""
    above = DEVICE.rpartition("/")[0]
    if home.directory.names(above) != [DEVICE.rpartition("/")[2]]:
        return {}
    others = {name for name in home.directory.names("") if not name.startswith(TEMPORARY)}
    return dict.fromkeys((above, *(() if others - {above, *OWN} else (PREFIX,))), DIRECTORY)


def _still(home: Home, found: Mapping[str, str]) -> dict[str, str]:
    """What is still there, and was not replaced by something else."""
    is_directory = {path: home.directory.is_directory(path) for path in found if path != PREFIX}
    return {
        path: kind
        for path, kind in found.items()
        if path == PREFIX
        or (is_directory[path] == (kind in {DIRECTORY, DATA}) and home.directory.status(path))
    }
