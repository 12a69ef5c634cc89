"""Decides what becomes of each configuration file for another release, and applies it.

What the user and the vendor did to a file since it was installed decides: the table in Reference
002 is this code. It also covers what becomes a directory of data, or was one. A rollback brings
back what the user had, unless it was edited since.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.model.entry import DIR, FILE, collision_key
from provisioning.artifact.model.placement import CONFFILES, RELEASES, STATE
from provisioning.errors import RefusedError, TargetError
from provisioning.installer.store import footprint
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.owners import can_give

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator, Mapping

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.placement import Installed
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release


KEEP, INSTALL, NEW, ARCHIVE, RESTORE, OLD, IDLE, ASIDE, RETURN = ACTIONS = (
    *("keep", "install", "new", "archive", "restore", "old"),
    *("idle", "aside", "return"),
)
"""The last three: kept where nothing uses it, moved aside, and moved back."""

# Instead of a digest: nothing; a link, or something that is neither file nor directory; a directory
# without files, and one with files.
ABSENT, OTHER, EMPTY, FULL = "", "other", "empty", "full"
_NO_FILES = frozenset({OTHER, EMPTY, FULL})
_FREE = frozenset({ABSENT, EMPTY})


class Live(NamedTuple):
    """What lies at the path of a configuration file."""

    digest: str = ABSENT
    """SHA-256 of its content, or one of ABSENT, OTHER, EMPTY and FULL."""
    mode: int = 0
    user: int = 0
    group: int = 0


class Decision(NamedTuple):
    """What becomes of one configuration file."""

    path: str
    """Below the prefix."""
    action: str
    """One of ACTIONS."""
    before: Live
    after: Live


def forward(path: str, live: Live, old: Entry | None, new: Entry | None) -> Decision:
    """Decide about a path that is `old` in one release and `new` in the next; None if not there."""
    if new is None:
        return _decision(path, live, _without(live, old), Live())
    if new.type == DIR:
        return _decision(path, live, _cleared(live, old), Live())
    if old is None or old.type == DIR:
        # guard: configuration-into-an-empty-place
        action = INSTALL if live.digest in {ABSENT, EMPTY} else _beside(live, new)
        return _decision(path, live, action, _installed(live, None, new))
    if live.digest == ABSENT or _says(old) == _says(new):  # guard: configuration-edited
        return _decision(path, live, KEEP, live)
    action = INSTALL if live.digest == old.digest else _beside(live, new)  # guard: config-unedited
    return _decision(path, live, action, _installed(live, old, new))


def backward(live: Live, then: Decision, now: Entry | None, coming: Entry | None) -> Decision:
    """Decide about a path, going back to the release that was left with the decision `then`.

    `now` is its entry in the current release, and `coming` in the one that comes back.
    """
    before, path = then.before, then.path
    # guard: configuration-over-two-releases
    unedited = live.digest in {then.after.digest, now.digest if now else then.after.digest}
    if any(each and each.type == DIR for each in (now, coming)):
        action = _directory_back(live, before, now, coming)
        return _decision(path, live, action, before if action in {RESTORE, RETURN} else Live())
    if live.digest in _NO_FILES or before.digest in {OTHER, FULL}:  # guard: configuration-kind-now
        return _decision(path, live, KEEP, live)
    if live.digest == before.digest:
        only_mode = live == then.after != before
        return _decision(path, live, RESTORE if only_mode else KEEP, before)
    if before.digest in _FREE:
        return _decision(path, live, ARCHIVE if unedited else KEEP, Live())  # guard: config-added
    if unedited:  # guard: configuration-restored
        return _decision(path, live, RESTORE, before)
    return _decision(path, live, KEEP if live.digest == ABSENT else OLD, live)  # guard: config-gone


def _directory_back(live: Live, before: Live, now: Entry | None, coming: Entry | None) -> str:
    """What becomes of a path that is a directory in one of two releases."""
    if live.digest == before.digest:
        return KEEP
    if coming and coming.type == DIR:
        return _cleared(live, now)
    if live.digest not in _FREE:
        return KEEP if before.digest in {*_NO_FILES, ABSENT} else OLD
    if before.digest == OTHER:  # guard: configuration-returned
        return RETURN
    return ARCHIVE if before.digest in {*_NO_FILES, ABSENT} else RESTORE


def _without(live: Live, old: Entry | None) -> str:
    """What becomes of a path that the next release does not have."""
    if old is None or live.digest in {ABSENT, EMPTY}:  # guard: configuration-dropped-and-deleted
        return KEEP
    return ARCHIVE if old.type == FILE and live.digest == old.digest else IDLE  # guard: config-drop


def _cleared(live: Live, old: Entry | None) -> str:
    """What becomes of something at a path that becomes a directory."""
    was_file = old is not None and old.type == FILE
    if live.digest in {ABSENT, EMPTY, FULL} or (live.digest == OTHER and not was_file):
        return KEEP  # a link is where somebody keeps the data
    # guard: configuration-kind-dropped
    return ARCHIVE if was_file and old and live.digest == old.digest else ASIDE


def _decision(path: str, live: Live, action: str, after: Live) -> Decision:
    changes = action in {INSTALL, ARCHIVE, RESTORE, ASIDE, RETURN}
    return Decision(path, action, live, after if changes else live)


def _beside(live: Live, new: Entry) -> str:
    return KEEP if live.digest == new.digest else NEW  # guard: configuration-edited-alike


def _says(entry: Entry) -> tuple[str, int, str, str]:
    return entry.digest, entry.mode, entry.owner, entry.group


def _installed(live: Live, old: Entry | None, new: Entry) -> Live:
    """The vendor's file, with a mode and owners that the user has changed (as dpkg does)."""
    mode, user, group = new.mode, int(new.owner), int(new.group)
    if old and live.digest != ABSENT:
        mode = mode if live.mode == old.mode else live.mode
        user = user if live.user == int(old.owner) else live.user
        group = group if live.group == int(old.group) else live.group
    return Live(new.digest, mode, user, group)


KEPT = f"{STATE}/kept"
_PRIVATE = Owned(0o700)
_DECISIONS = "decisions.json"
_NO_RELEASE = "none"  # no release is called so


class Kept(NamedTuple):
    """The decisions that were made when a release was left."""

    decisions: tuple[Decision, ...]
    absent: tuple[str, ...]
    """Directories that did not exist yet, the outermost first."""


NOTHING = Kept((), ())


def look(home: Home, path: str) -> Live:
    """Return what lies at the path of a configuration file, or of a directory of data."""
    status = home.directory.status(path)
    if status is None:
        return Live()
    found = OTHER
    if stat.S_ISDIR(status.st_mode):
        found = FULL if _holds_files(home, path) else EMPTY
    elif stat.S_ISREG(status.st_mode):
        found = filesystem.of_bytes(home.directory.read(path) or b"")
    return Live(found, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def decide(home: Home, old: Installed | None, new: Installed) -> tuple[Decision, ...]:
    """Decide about all that lies beside the releases; `old` is what was installed last."""
    before = _by_path(_respelt(home, _own(old), [each.path for each in _own(new)]))
    return _decided(home, before, new, {})


def decide_back(
    home: Home, old: Installed | None, new: Installed | None, then: Kept
) -> tuple[Decision, ...]:
    """Decide about the same, going back to a release that was left with the decisions `then`."""
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
    # What is in the way of a directory of the package is refused, or kept with a warning.
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
    """Return which directories beside the releases do not exist yet.

    Raises:
        RefusedError: something else is there, or a link that would have to be followed; or
            something where an edited file has to be put.
    """
    goes = {each.path: each.action for each in decided if each.action in {ARCHIVE, ASIDE}}
    for path in (f"{path}.old" for path, action in goes.items() if action == ASIDE):
        if home.directory.status(path):  # guard: configuration-below-a-file
            raise RefusedError(f"{home.path / path}: is in the way of an edited file; move it away")
    for entry in layout.above:
        is_there = home.directory.status(entry.path) and entry.path not in goes
        if is_there and not home.directory.is_directory(entry.path):  # guard: link-in-configuration
            raise RefusedError(f"{home.path / entry.path}: is not a directory; move it away")
    needed = sorted((*layout.above, *layout.data))
    return tuple(entry.path for entry in needed if not home.directory.status(entry.path))


def keep(home: Home, release: str, kept: Kept) -> None:
    """Save the configuration that a release is left with, before any of it is changed."""
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
    """Return what was saved when a release was last left. Raises TargetError if it is damaged."""
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
    """Remove what was saved of all releases but these."""
    needed = {kept_at(release) for release in releases}
    for name in home.directory.names(KEPT):
        if f"{KEPT}/{name}" not in needed:
            home.directory.remove_tree(f"{KEPT}/{name}")


def _holds_files(home: Home, path: str, gone: Container[str] = ()) -> bool:
    """Whether a directory has files, other than those that will be `gone`."""
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
    """The configuration files and directories of data of a release."""
    return (*layout.data, *layout.conffiles) if layout else ()


def _respelt(home: Home, old: Iterable[Entry], after: Collection[str]) -> Iterator[Entry]:
    """The old entries, spelt as in the new release if the disk takes both names for one file."""
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
    """Return where the configuration of a release is saved."""
    return f"{KEPT}/{release or _NO_RELEASE}"


def _by_path(entries: Iterable[Entry]) -> dict[str, Entry]:
    return {entry.path: entry for entry in entries}


_WRITES = {INSTALL: "", RESTORE: "", NEW: ".new", OLD: ".old", ASIDE: ".old", RETURN: ""}
"""The suffix of the file that an action writes, if nobody edits it meanwhile."""


def make(home: Home, new: Release, before: Release | None) -> None:
    """Create the directories beside the releases; `before` is what was installed last.

    Those whose place is taken until the switch are created by `apply`.
    """
    needed = _directories(new.layout)
    footprint.note(
        home, {**footprint.already(home, before, new), **_absent(home, needed, new.layout)}
    )
    _make(home, needed)


def _directories(layout: Installed | None) -> list[Entry]:
    return sorted((*layout.above, *layout.data)) if layout else []


def _absent(home: Home, needed: Iterable[Entry], layout: Installed | None) -> dict[str, str]:
    """Which directories will be created, and their kinds."""
    data = layout.data if layout else ()
    return {
        entry.path: footprint.DATA if entry in data else footprint.DIRECTORY
        for entry in needed
        # guard: directory-that-was-there
        if not home.directory.is_directory(entry.path) and not home.directory.leads(entry.path)
    }


def _make(home: Home, needed: Iterable[Entry]) -> None:
    taken = set[str]()
    for entry in needed:
        if entry.path.rpartition("/")[0] not in taken:
            home.directory.make(entry.path, _owned(entry))
        if not home.directory.is_directory(entry.path):
            taken.add(entry.path)


def unmake(home: Home, names: Iterable[str]) -> None:
    """Remove those directories that are empty."""
    for name in reversed(tuple(names)):
        if home.directory.is_directory(name) and not home.directory.names(name):
            home.directory.remove(name)


def apply(
    home: Home, decisions: Iterable[Decision], release: str, layout: Installed | None
) -> None:
    """Carry out decisions about a release that has become current."""
    decided = tuple(decisions)
    says = {entry.path: entry for entry in layout.conffiles} if layout else {}
    written = (each.path + _WRITES[each.action] for each in decided if each.action in _WRITES)
    goes = [each.path for each in decided if each.action in {ARCHIVE, ASIDE}]
    needed = [each for each in _directories(layout) if _is_in(each.path, goes)]
    footprint.note(home, {**footprint.files(home, written), **_absent(home, needed, layout)})
    for decision in reversed(decided):  # what lies in a directory first
        _clear(home, decision)  # guard: configuration-cleared
    _make(home, needed)
    known = {decision.path: number for number, decision in enumerate(kept(home, release).decisions)}
    for decision in decided:
        data = None
        if decision.action in {INSTALL, NEW}:
            data = home.directory.read(f"{RELEASES}/{release}/{CONFFILES}/{decision.path}")
        elif decision.action in {RESTORE, OLD}:
            data = home.directory.read(f"{kept_at(release)}/{known[decision.path]}")
        if decision.action in {INSTALL, NEW, RESTORE, OLD}:  # guard: configuration-moved-aside
            _apply(home, decision, data, says.get(decision.path))
    if goes:
        footprint.note(home, {})


def _is_in(path: str, places: Iterable[str]) -> bool:
    return any(f"{path}/".startswith(f"{place}/") for place in places)


def _clear(home: Home, decision: Decision) -> None:
    """Remove or move what lies at a path, if the decision says so."""
    path, live = decision.path, look(home, decision.path).digest
    if decision.action == ARCHIVE and live == decision.before.digest:
        home.directory.remove_tree(path)
    elif decision.action == ASIDE and live not in {ABSENT, EMPTY, FULL}:
        to = f"{path}.old"
        while home.directory.status(to):  # which came meanwhile
            to += "~"
        home.directory.move(path, to)
    elif decision.action == RETURN and live in {ABSENT, EMPTY} and look(home, f"{path}.old").digest:
        home.directory.remove_tree(path)
        home.directory.move(f"{path}.old", path)
    elif decision.action in {INSTALL, RESTORE} and live == EMPTY:
        home.directory.remove_tree(path)


def forget_new(home: Home, entries: Iterable[Entry]) -> None:
    """Remove the `.new` files that `apply` has written for a release that is left again."""
    for entry in entries:
        path = f"{entry.path}.new"
        if look(home, path).digest == entry.digest:
            home.directory.remove(path)


def _apply(home: Home, decision: Decision, data: bytes | None, entry: Entry | None) -> None:
    path, before, after = decision.path, decision.before.digest, decision.after
    live = look(home, path)
    as_seen = live.digest == before or (before == EMPTY and live.digest == ABSENT)
    if data is None:
        raise TargetError(f"{home.path / path}: the content that belongs there is lost")
    if decision.action in {INSTALL, RESTORE} and (as_seen or live.digest == after.digest):
        if live != after:
            home.directory.write(path, data, _given(after.mode, after.user, after.group))
        if decision.action == RESTORE and look(home, f"{path}.old").digest == after.digest:
            home.directory.remove(f"{path}.old")  # where it had been moved aside
        return
    suffix = ".new" if decision.action in {INSTALL, NEW} else ".old"
    owned = _owned(entry) if entry else Owned(0o600)
    if look(home, path + suffix).digest != filesystem.of_bytes(data):
        home.directory.write(path + suffix, data, owned)


def _owned(entry: Entry) -> Owned:
    return _given(entry.mode, int(entry.owner), int(entry.group))


def _given(mode: int, user: int, group: int) -> Owned:
    return Owned(mode, user, group) if can_give() else Owned(mode)
