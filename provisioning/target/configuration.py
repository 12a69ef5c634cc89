"""Knows how the configuration of a package is looked at, kept, changed and brought back.

What a release that is left had for configuration is kept in `KEPT`, with what was decided about
each file. Each decision can be carried out any number of times: whoever was killed begins again. A
file that somebody edits in between is left alone.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import digest
from provisioning.artifact.installed import CONFFILES, RELEASES, STATE
from provisioning.artifact.path import collision_key
from provisioning.errors import RefusedError, TargetError
from provisioning.target import made
from provisioning.target.conffile import (
    ARCHIVE,
    INSTALL,
    KEEP,
    NEW,
    OLD,
    OTHER,
    RESTORE,
    Decision,
    Live,
    backward,
    forward,
)
from provisioning.target.durable import Owned
from provisioning.target.owners import can_give

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioning.artifact.entry import Entry
    from provisioning.artifact.installed import Installed
    from provisioning.target.home import Home
    from provisioning.target.releases import Release

KEPT = f"{STATE}/kept"
_PRIVATE = Owned(0o700)
_DECISIONS = "decisions.json"
_WRITES = {INSTALL: "", RESTORE: "", NEW: ".new", OLD: ".old"}
"""What is behind the name of a file that an action writes, if nobody edits it meanwhile."""
_NO_RELEASE = "none"  # no release is called so


class Kept(NamedTuple):
    """What was decided when a release was left."""

    decisions: tuple[Decision, ...]
    absent: tuple[str, ...]
    """Directories that there were not yet, the outermost first."""


NOTHING = Kept((), ())


def look(home: Home, path: str) -> Live:
    """What lies at the path of a configuration file."""
    status = home.directory.status(path)
    if status is None:
        return Live()
    data = home.directory.read(path) if stat.S_ISREG(status.st_mode) else None
    found = OTHER if data is None else digest.of_bytes(data)
    return Live(found, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def decide(home: Home, old: Iterable[Entry], new: Iterable[Entry]) -> tuple[Decision, ...]:
    """Decide what becomes of each configuration file; `old` is what was installed last."""
    after = _by_path(new)
    before = _by_path(_respelt(home, entry, after) for entry in old)
    return tuple(
        forward(path, look(home, path), before.get(path), after.get(path))
        for path in sorted({*before, *after})
    )


def decide_back(
    home: Home, old: Iterable[Entry], new: Iterable[Entry], then: Kept
) -> tuple[Decision, ...]:
    """Decide the same, going back to a release that was left with the decisions `then`."""
    before, after = _by_path(old), _by_path(new)
    known = {decision.path: decision for decision in then.decisions}
    return tuple(
        backward(look(home, path), known[path], before.get(path))
        if path in known
        else forward(path, look(home, path), before.get(path), after.get(path))
        for path in sorted({*before, *after, *known})
    )


def absent(home: Home, layout: Installed) -> tuple[str, ...]:
    """Which directories beside the releases there are not yet.

    Raises:
        RefusedError: something else is there, or a link that would have to be followed.
    """
    for entry in layout.above:
        if home.directory.status(entry.path) and not home.directory.is_directory(entry.path):
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
    directory.remove_tree(_of(release))
    directory.move(coming, _of(release))


def kept(home: Home, release: str) -> Kept:
    """What was kept of a release when it was left last. Raises TargetError for nonsense."""
    path = f"{_of(release)}/{_DECISIONS}"
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


def make(home: Home, new: Release, before: Release | None) -> None:
    """Have the directories beside the releases; `before` is what was installed last."""
    layout = new.layout
    coming = {entry.path: made.DIRECTORY for entry in layout.above}
    coming.update((entry.path, made.DATA) for entry in layout.data)
    absent = {path: kind for path, kind in coming.items() if not home.directory.status(path)}
    made.note(home, {**made.already(home, before, new), **absent})
    for entry in sorted((*layout.above, *layout.data)):
        home.directory.make(entry.path, _owned(entry))


def unmake(home: Home, names: Iterable[str]) -> None:
    """Have those directories no more that hold nothing."""
    for name in reversed(tuple(names)):
        if home.directory.is_directory(name) and not home.directory.names(name):
            home.directory.remove(name)


def apply(
    home: Home, decisions: Iterable[Decision], release: str, entries: Iterable[Entry]
) -> None:
    """Carry out decisions about a release that has become current."""
    decided, says = tuple(decisions), _by_path(entries)
    written = (each.path + _WRITES[each.action] for each in decided if each.action in _WRITES)
    made.note(home, made.files(home, written))
    known = {decision.path: number for number, decision in enumerate(kept(home, release).decisions)}
    for decision in decided:
        if decision.action == KEEP:
            continue
        data = None
        if decision.action in {INSTALL, NEW}:
            data = home.directory.read(f"{RELEASES}/{release}/{CONFFILES}/{decision.path}")
        elif decision.action in {RESTORE, OLD}:
            data = home.directory.read(f"{_of(release)}/{known[decision.path]}")
        _apply(home, decision, data, says.get(decision.path))
    if any(decision.action == ARCHIVE for decision in decided):
        made.note(home, {})


def forget_new(home: Home, entries: Iterable[Entry]) -> None:
    """Remove what `apply` has put beside edited files for a release that is left again."""
    for entry in entries:
        path = f"{entry.path}.new"
        if look(home, path).digest == entry.digest:
            home.directory.remove(path)


def forget(home: Home, releases: Iterable[str]) -> None:
    """Forget what was kept of all releases but these."""
    needed = {_of(release) for release in releases}
    for name in home.directory.names(KEPT):
        if f"{KEPT}/{name}" not in needed:
            home.directory.remove_tree(f"{KEPT}/{name}")


def _apply(home: Home, decision: Decision, data: bytes | None, entry: Entry | None) -> None:
    path, after = decision.path, decision.after
    live = look(home, path)
    as_seen = live.digest == decision.before.digest
    if decision.action == ARCHIVE:
        if as_seen:
            home.directory.remove(path)
        return
    if data is None:
        raise TargetError(f"{home.path / path}: what belongs there is lost")
    if decision.action in {INSTALL, RESTORE} and (as_seen or live.digest == after.digest):
        if live != after:
            home.directory.write(path, data, _given(after.mode, after.user, after.group))
        return
    suffix = ".new" if decision.action in {INSTALL, NEW} else ".old"
    owned = _owned(entry) if entry else Owned(0o600)
    if look(home, path + suffix).digest != digest.of_bytes(data):
        home.directory.write(path + suffix, data, owned)


def _respelt(home: Home, old: Entry, after: Mapping[str, Entry]) -> Entry:
    """The old entry, as the new release spells it, where the disk takes both for one file."""
    key = collision_key(old.path)
    twins = [path for path in after if path != old.path and collision_key(path) == key]
    if old.path in after or not twins:
        return old
    status, other = home.directory.status(old.path), home.directory.status(twins[0])
    same = status and other and os.path.samestat(status, other)
    return old._replace(path=twins[0]) if same else old


def _of(release: str) -> str:
    return f"{KEPT}/{release or _NO_RELEASE}"


def _by_path(entries: Iterable[Entry]) -> Mapping[str, Entry]:
    return {entry.path: entry for entry in entries}


def _owned(entry: Entry) -> Owned:
    return _given(entry.mode, int(entry.owner), int(entry.group))


def _given(mode: int, user: int, group: int) -> Owned:
    return Owned(mode, user, group) if can_give() else Owned(mode)
