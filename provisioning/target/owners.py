"""Knows whose the files of a package are on this machine: the numbers of users and groups."""

from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING

from provisioning.artifact.installed import Installed
from provisioning.artifact.path import shown
from provisioning.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from provisioning.artifact.entry import Entry

_ROOT = "root"  # whose number is 0 everywhere, though its group has another name on macOS


def can_give() -> bool:
    """Tell whether this process can give files to others."""
    return os.geteuid() == 0


def missing(entries: Iterable[Entry]) -> list[str]:
    """Tell which users and groups of a package there are not on this machine."""
    entries = tuple(entries)
    users = {entry.owner for entry in entries if not _user(entry.owner)}
    groups = {entry.group for entry in entries if not _group(entry.group)}
    found = [f"user {shown(name)}" for name in sorted(users)]
    return found + [f"group {shown(name)}" for name in sorted(groups)]


def numbered(layout: Installed, *, strict: bool) -> Installed:
    """The same with numbers for owners: those of this process, if it cannot give files to others.

    One that there is not on this machine is root if `strict` is not asked for.

    Raises:
        RefusedError: there is no such user or group.
    """
    if not can_give():
        return _mapped(layout, _mine)
    absent = missing((*layout.release, *layout.conffiles, *layout.data, *layout.above))
    if absent and strict:
        raise RefusedError(f"there is no {', no '.join(absent)} on this machine; create it first")
    return _mapped(layout, _numbered)


def _mapped(layout: Installed, each: Callable[[Entry], Entry]) -> Installed:
    return Installed(*(tuple(map(each, entries)) for entries in layout))


def _mine(entry: Entry) -> Entry:
    return entry._replace(owner=str(os.geteuid()), group=str(os.getegid()))


def _numbered(entry: Entry) -> Entry:
    return entry._replace(owner=_user(entry.owner) or "0", group=_group(entry.group) or "0")


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
