"""Knows what of a package beside its releases was made by it, and was not there before.

A purge takes that and nothing else. It is noted before it is made; what is noted and not there was
removed since, or never came to be, and is forgotten with the next note.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.model.entry import DEVICE
from provisioning.artifact.model.placement import BESIDE, OWN, STATE
from provisioning.installer.store.durable import TEMPORARY, Owned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

PATH = f"{STATE}/made"
PREFIX = "."
DIRECTORY, DATA, FILE, OTHER = KINDS = ("directory", "data", "file", "other")
"""A directory goes if nothing is left in it, one of data with all that it holds, and a file with
what lies beside it as a version of it, but for an other that was there before."""

_OWNED = Owned(0o600)
_NEW, _SETTLED = 0o1755, 0o755


def new_prefix() -> Owned:
    """How a prefix is made: as nobody else makes one, until it is noted that it was."""
    return Owned(_NEW)


def is_new(home: Home) -> bool:
    """Tell whether a prefix was just made, or is about to go, and may be removed if empty."""
    status = home.directory.status("")
    return status is not None and stat.S_IMODE(status.st_mode) == _NEW


def settle_prefix(home: Home) -> None:
    """Have it noted that a prefix was made, if it was."""
    if is_new(home):
        note(home, {PREFIX: DIRECTORY})
        home.directory.chmod("", _SETTLED)


def give_up_prefix(home: Home) -> None:
    """Have a prefix look as one that was just made, if it was, before the note of it goes."""
    if PREFIX in read(home):
        home.directory.chmod("", _NEW)


def read(home: Home) -> dict[str, str]:
    """What was noted: paths below the prefix, and what they are, of KINDS."""
    lines = (home.directory.read(PATH) or b"").decode(errors="surrogateescape").splitlines()
    found = (line.partition(" ") for line in lines)
    return {path: kind for kind, _, path in found if kind in KINDS and path}


def note(home: Home, coming: Mapping[str, str]) -> None:
    """Note what is about to be made."""
    before = home.directory.read(PATH)
    found = {**_still(home, read(home)), **coming}
    lines = (f"{kind} {path}\n" for path, kind in sorted(found.items()))
    data = "".join(lines).encode(errors="surrogateescape")
    if data != before:
        home.directory.write(PATH, data, _OWNED)


def already(home: Home, before: Release | None, new: Release) -> dict[str, str]:
    """What there is of a package that is to be changed; `before` is what was installed last."""
    if before:
        return known(home, before)
    return _claimed(home) if new.package.device else {}


def known(home: Home, about: Release | None) -> dict[str, str]:
    """What a package has made here, of what there is: also of one that an older tool installed."""
    found = _still(home, read(home))
    beside = {path + suffix for path, kind in found.items() for suffix in _beside(path, kind)}
    found.update((path, FILE) for path in beside - {*found} if home.directory.status(path))
    if about and home.directory.status(PATH) is None:
        found = _assumed(home, about)
    if about and about.package.device and home.directory.status(DEVICE):
        found[DEVICE] = FILE  # nobody writes it but for the package
    return found


def places(home: Home) -> set[str]:
    """The directories that hold what was noted, or once did."""
    found = read(home)
    ways = {path for path, kind in found.items() if kind == DIRECTORY and path != PREFIX}
    return ways | {path.rpartition("/")[0] for path in found}


def goes(home: Home, path: str, kinds: Mapping[str, str]) -> bool:
    """Tell whether a purge that finds these things takes what lies at a path."""
    kind = kinds.get(path, OTHER)
    return kind in {DATA, FILE} or (kind == DIRECTORY and not home.directory.names(path))


def files(home: Home, paths: Iterable[str]) -> dict[str, str]:
    """What is to be noted of configuration files that are about to be written."""
    new = [path for path in paths if home.directory.status(path) is None]
    beside = (path + suffix for path in new for suffix in BESIDE)
    others = (path for path in beside if path not in new and home.directory.status(path))
    return {**dict.fromkeys(others, OTHER), **dict.fromkeys(new, FILE)}


def _assumed(home: Home, about: Release) -> dict[str, str]:
    """What an older tool has surely made, or takes nothing from anybody: it did not note any."""
    ways = [entry.path for entry in (*about.layout.above, *about.layout.data)]
    if about.package.device:
        ways.append(DEVICE.rpartition("/")[0])
    found = dict.fromkeys((PREFIX, *ways), DIRECTORY)
    for entry in about.layout.conffiles:
        if filesystem.of_bytes(home.directory.read(entry.path) or b"") == entry.digest:
            found.update((entry.path + suffix, OTHER) for suffix in BESIDE)
            found[entry.path] = FILE
    return _still(home, found)


def _beside(path: str, kind: str) -> tuple[str, ...]:
    return BESIDE if kind == FILE and not path.endswith(BESIDE) else ()


def _claimed(home: Home) -> dict[str, str]:
    """Directories that somebody made for nothing but the values of this machine."""
    above = DEVICE.rpartition("/")[0]
    if home.directory.names(above) != [DEVICE.rpartition("/")[2]]:
        return {}
    others = {name for name in home.directory.names("") if not name.startswith(TEMPORARY)}
    return dict.fromkeys((above, *(() if others - {above, *OWN} else (PREFIX,))), DIRECTORY)


def _still(home: Home, found: Mapping[str, str]) -> dict[str, str]:
    """What is still there, and nothing that somebody has put in its place."""
    is_directory = {path: home.directory.is_directory(path) for path in found if path != PREFIX}
    return {
        path: kind
        for path, kind in found.items()
        if path == PREFIX
        or (is_directory[path] == (kind in {DIRECTORY, DATA}) and home.directory.status(path))
    }
