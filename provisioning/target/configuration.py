"""Knows how the configuration of a package is looked at, what is decided about it, and kept.

What a release that is left had for configuration is kept in `KEPT`, with what was decided about
each file. How that is carried out, `beside` knows.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import digest
from provisioning.artifact.entry import DIR
from provisioning.artifact.installed import STATE
from provisioning.artifact.path import collision_key
from provisioning.errors import RefusedError, TargetError
from provisioning.target.conffile import (
    ARCHIVE,
    ASIDE,
    EMPTY,
    FULL,
    KEEP,
    OTHER,
    Decision,
    Live,
    backward,
    forward,
)
from provisioning.target.durable import Owned

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator, Mapping

    from provisioning.artifact.entry import Entry
    from provisioning.artifact.installed import Installed
    from provisioning.target.home import Home

KEPT = f"{STATE}/kept"
_PRIVATE = Owned(0o700)
_DECISIONS = "decisions.json"
_NO_RELEASE = "none"  # no release is called so


class Kept(NamedTuple):
    """What was decided when a release was left."""

    decisions: tuple[Decision, ...]
    absent: tuple[str, ...]
    """Directories that there were not yet, the outermost first."""


NOTHING = Kept((), ())


def look(home: Home, path: str) -> Live:
    """What lies at the path of a configuration file, or of a directory of data."""
    status = home.directory.status(path)
    if status is None:
        return Live()
    found = OTHER
    if stat.S_ISDIR(status.st_mode):
        found = FULL if _holds_files(home, path) else EMPTY
    elif stat.S_ISREG(status.st_mode):
        found = digest.of_bytes(home.directory.read(path) or b"")
    return Live(found, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def decide(home: Home, old: Installed | None, new: Installed) -> tuple[Decision, ...]:
    """Decide what becomes of what lies beside the releases; `old` is what was installed last."""
    before = _by_path(_respelt(home, _own(old), [each.path for each in _own(new)]))
    return _decided(home, before, new, {})


def decide_back(
    home: Home, old: Installed | None, new: Installed | None, then: Kept
) -> tuple[Decision, ...]:
    """Decide the same, going back to a release that was left with the decisions `then`."""
    known = {decision.path: decision for decision in then.decisions}
    ways = (entry for entry in (old.above if old else ()) if entry.path in known)
    return _decided(home, _by_path((*ways, *_own(old))), new, known)


def _decided(
    home: Home,
    before: Mapping[str, Entry],
    new: Installed | None,
    known: Mapping[str, Decision],
) -> tuple[Decision, ...]:
    after = _by_path(_own(new))
    # What somebody else has put where a directory of the package's has to be, is told.
    ways = _by_path(new.above if new else ())
    after.update((path, ways[path]) for path in ways.keys() & {*before, *known})
    found = list[Decision]()
    gone = set[str]()  # by what was decided so far
    # What lies in a directory comes before it: a file may take its place once that is empty.
    for path in sorted({*before, *after, *known}, reverse=True):
        if path not in known and _are_data(before.get(path), after.get(path)):
            continue  # data stay, and may be many
        live, old, coming = look(home, path), before.get(path), after.get(path)
        if live.digest == FULL and not _holds_files(home, path, gone):
            live = live._replace(digest=EMPTY)
        then = known.get(path)
        decision = backward(live, then, old, coming) if then else forward(path, live, old, coming)
        if decision.action == ARCHIVE:
            gone.add(path)
        is_file = any(each and each.conffile for each in (old, coming)) or then
        if is_file or decision.action != KEEP:
            found.append(decision)
    return tuple(reversed(found))


def _are_data(old: Entry | None, new: Entry | None) -> bool:
    return old is not None and new is not None and old.type == new.type == DIR


def absent(home: Home, layout: Installed, decided: Iterable[Decision]) -> tuple[str, ...]:
    """Which directories beside the releases there are not yet.

    Raises:
        RefusedError: something else is there, or a link that would have to be followed; or
            something where an edited file has to be put.
    """
    goes = {each.path: each.action for each in decided if each.action in {ARCHIVE, ASIDE}}
    for path in (f"{path}.old" for path, action in goes.items() if action == ASIDE):
        if home.directory.status(path):
            raise RefusedError(
                f"{home.path / path}: is in the way of what was edited; move it away"
            )
    for entry in layout.above:
        is_there = home.directory.status(entry.path) and entry.path not in goes
        if is_there and not home.directory.is_directory(entry.path):
            raise RefusedError(f"{home.path / entry.path}: is no directory; move it away")
    needed = sorted((*layout.above, *layout.data))
    return tuple(entry.path for entry in needed if not home.directory.status(entry.path))


def keep(home: Home, release: str, kept: Kept) -> None:
    """Keep the configuration that a release is left with, before anything of it is changed."""
    directory = home.directory
    directory.make(KEPT, _PRIVATE)
    coming = directory.temporary(KEPT)
    for number, decision in enumerate(kept.decisions):
        data = directory.read(decision.path)
        if data is not None:
            directory.write(f"{coming}/{number}", data, Owned(0o600))
    text = json.dumps(kept, indent=1)
    directory.write(f"{coming}/{_DECISIONS}", f"{text}\n".encode(), Owned(0o600))
    directory.remove_tree(kept_at(release))
    directory.move(coming, kept_at(release))


def kept(home: Home, release: str) -> Kept:
    """What was kept of a release when it was left last. Raises TargetError for nonsense."""
    path = f"{kept_at(release)}/{_DECISIONS}"
    data = home.directory.read(path)
    if data is None:
        return NOTHING
    try:
        decisions, names = json.loads(data)
        known = tuple(
            Decision(path, action, Live(*before), Live(*after))
            for path, action, before, after in decisions
        )
    except (ValueError, TypeError, IndexError, RecursionError):
        raise TargetError(f"{home.path / path}: is damaged; remove it") from None
    return Kept(known, tuple(names))


def forget(home: Home, releases: Iterable[str]) -> None:
    """Forget what was kept of all releases but these."""
    needed = {kept_at(release) for release in releases}
    for name in home.directory.names(KEPT):
        if f"{KEPT}/{name}" not in needed:
            home.directory.remove_tree(f"{KEPT}/{name}")


def _holds_files(home: Home, path: str, gone: Container[str] = ()) -> bool:
    """Tell whether there is anything but directories in a directory, and what will be gone."""
    waiting = [path]
    while waiting:
        place = waiting.pop()
        for below in (f"{place}/{name}" for name in home.directory.names(place)):
            if home.directory.is_directory(below):
                waiting.append(below)
            elif below not in gone:
                return True
    return False


def _own(layout: Installed | None) -> tuple[Entry, ...]:
    """What of a release lies beside it, and is somebody's once it is there."""
    return (*layout.data, *layout.conffiles) if layout else ()


def _respelt(home: Home, old: Iterable[Entry], after: Collection[str]) -> Iterator[Entry]:
    """The old entries, as the new release spells them, where the disk takes both for one file."""
    twins = {collision_key(path): path for path in after}
    for entry in old:
        twin = twins.get(collision_key(entry.path), entry.path)
        if entry.path in after or twin == entry.path:
            yield entry
            continue
        status, other = home.directory.status(entry.path), home.directory.status(twin)
        same = status and other and os.path.samestat(status, other)
        yield entry._replace(path=twin) if same else entry


def kept_at(release: str) -> str:
    """Where the configuration of a release is kept."""
    return f"{KEPT}/{release or _NO_RELEASE}"


def _by_path(entries: Iterable[Entry]) -> dict[str, Entry]:
    return {entry.path: entry for entry in entries}
