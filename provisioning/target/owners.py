"""Knows whose the files of a package are on this machine: the numbers of users and groups."""

from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING

from provisioning.artifact.entry import Entry
from provisioning.artifact.installed import Installed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_ROOT = "root"  # whose number is 0 everywhere, though its group has another name on macOS


def can_give() -> bool:
    """Tell whether this process can give files to others."""
    return os.geteuid() == 0


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


def numbered(layout: Installed) -> Installed:
    """The same with numbers for owners: those of this process, if it cannot give files to others.

    One that there is not on this machine is root.
    """
    known: dict[tuple[str, ...], tuple[str, str]] = {}  # few owners have many entries

    def number(entry: Entry) -> Entry:
        names = entry[3:5]
        ids = known.get(names) or known.setdefault(names, _ids(*names))
        # In half the time of _replace.
        return entry if ids == names else Entry._make((*entry[:3], *ids, *entry[5:]))

    return Installed(*(tuple(map(number, entries)) for entries in layout))


def _ids(owner: str, group: str) -> tuple[str, str]:
    if not can_give():
        return str(os.geteuid()), str(os.getegid())
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
