"""Knows whose the files of a package are on this machine: the numbers of users and groups."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import TYPE_CHECKING

from provisioning.artifact.entry import Entry
from provisioning.artifact.installed import Installed
from provisioning.artifact.path import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    Ids = tuple[str, str]  # the numbers of a user and a group

_BITS = {stat.S_ISUID: "setuid", stat.S_ISGID: "setgid"}
_LENT = stat.S_ISUID | stat.S_ISGID  # by which a program has the rights of its owner
_ROOT = "root"  # whose number is 0 everywhere, though its group has another name on macOS


def can_give() -> bool:
    """Tell whether this process can give files to others."""
    return os.geteuid() == 0


def name_of(user: int) -> str:
    """What a user is called; its number where it has no name here."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def missing(entries: Iterable[Entry], coming: Collection[str]) -> list[str]:
    """Tell which users and groups of a package there are not on this machine, if it matters.

    Those that are `coming` will be made before anything is written.
    """
    if not can_give():
        return []
    pairs = {(entry.owner, entry.group) for entry in entries}
    users = sorted({owner for owner, _ in pairs if not _user(owner)} - {*coming})
    groups = sorted({group for _, group in pairs if not _group(group)} - {*coming})
    return [f"user {name}" for name in users] + [f"group {name}" for name in groups]


def own() -> Ids | None:
    """Whose all files are that this process writes; None if it can give them to others."""
    return None if can_give() else (str(os.geteuid()), str(os.getegid()))


def numbered(layout: Installed, all_of: Ids | None) -> Installed:
    """The same with numbers for owners, where all are `all_of` somebody, if not given to others.

    One that there is not on this machine is root. Only with its owner does an entry have setuid,
    and only with its group setgid: with another, they would be rights that nobody has given.
    """
    known: dict[tuple[str, ...], Ids] = {}  # few owners have many entries

    def number(entry: Entry) -> Entry:
        names = entry[3:5]
        ids = known.get(names) or known.setdefault(names, all_of or _ids(*names))
        if entry[2] & _LENT:
            mode = entry.mode & ~sum(bit for bit, _ in _unlent(entry, ids))
            return Entry._make((*entry[:2], mode, *ids, *entry[5:]))
        # In half the time of _replace.
        return entry if ids == names else Entry._make((*entry[:3], *ids, *entry[5:]))

    return Installed(*(tuple(map(number, entries)) for entries in layout))


def unlent(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Tell which entries are without setuid or setgid here, and why."""
    ids = own()
    return tuple(
        f"{shown(entry.path)}: without {_BITS[bit]}, since {why}"
        for entry in entries
        if entry.mode & _LENT
        for bit, why in _unlent(entry, ids or _ids(entry.owner, entry.group))
    )


def _unlent(entry: Entry, ids: Ids) -> Iterator[tuple[int, str]]:
    """The bits that an entry does not have where it belongs to `ids`, and why."""
    said = ((stat.S_ISUID, _user, entry.owner, ids[0]), (stat.S_ISGID, _group, entry.group, ids[1]))
    for bit, look, name, number in said:
        if entry.mode & bit and look(name) != number:
            what = "user" if bit == stat.S_ISUID else "group"
            absent = f"there is no {what} {name} on this machine"
            yield bit, absent if not look(name) else f"only root can give it to the {what} {name}"


def _ids(owner: str, group: str) -> Ids:
    return _user(owner) or "0", _group(group) or "0"


def _user(name: str) -> str:
    return _number(name, lambda known: pwd.getpwnam(known).pw_uid)


def _group(name: str) -> str:
    return _number(name, lambda known: grp.getgrnam(known).gr_gid)


def _number(name: str, look: Callable[[str], int]) -> str:
    if name.isdigit():
        return name
    if name == _ROOT:
        return "0"
    try:
        return str(look(name))
    except KeyError:
        return ""
