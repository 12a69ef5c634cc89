"""Carries out the decisions about configuration files, and creates directories beside releases.

Each decision can be carried out any number of times: after a kill, all are carried out again. A
file that somebody edits in between is left alone. What is in the way of a directory goes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.model.placement import CONFFILES, RELEASES
from provisioning.errors import TargetError
from provisioning.installer.store import footprint
from provisioning.installer.store.configuration import (
    ABSENT,
    ARCHIVE,
    ASIDE,
    EMPTY,
    FULL,
    INSTALL,
    NEW,
    OLD,
    RESTORE,
    RETURN,
    Decision,
    kept,
    kept_at,
    look,
)
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.owners import can_give

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.placement import Installed
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

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
