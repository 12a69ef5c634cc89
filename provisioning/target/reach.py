"""Knows whether the user of a service can reach its program, by the modes of what is on the way.

Somebody may have made a prefix before, or the directory above, and closed it to others.
"""

from __future__ import annotations

import os
import pwd
import stat
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.entry import DIR, LINK
from provisioning.artifact.installed import RELEASES
from provisioning.artifact.package import words
from provisioning.artifact.path import shown
from provisioning.target import acl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.target.home import Home
    from provisioning.target.releases import Release


class _User(NamedTuple):
    """Who runs a service."""

    name: str
    number: int
    """-1 for one who will be made, and owns nothing yet."""
    groups: frozenset[int]

    def may_enter(
        self, mode: int, owner: int, group: int, entries: tuple[acl.Entry, ...] = ()
    ) -> bool:
        """Tell whether somebody may go through a directory, or run a program: as acl(5) has it."""
        if self.number == owner:
            return bool(mode & stat.S_IXUSR)
        for kind, who, rights in entries:
            if (kind, who) == (acl.USER, self.number):
                return bool(rights & acl.RUN)
        of_groups = [
            rights
            for kind, who, rights in entries
            if (kind == acl.GROUP and who in self.groups)
            or (kind == acl.OWNING and group in self.groups)
        ]
        if of_groups:
            return any(rights & acl.RUN for rights in of_groups)
        by_group = group in self.groups and not entries
        return bool(mode & (stat.S_IXGRP if by_group else stat.S_IXOTH))


def faults(home: Home, release: Release) -> Iterator[str]:
    """Tell which programs of a package's services their users cannot reach, and what to do."""
    for service in release.package.services:
        user = _user(service.user)
        program = words(service.exec)[0]
        closed = next(_closed(home, release, program, user), None) if user.number else None
        if closed:
            where, mode = closed
            told = f"its mode {mode:04o} keeps out the user {user.name}, who runs {shown(program)}"
            yield f"{shown(where)}: {told}; `chmod a+x` it"


def _closed(home: Home, release: Release, program: str, user: _User) -> Iterator[tuple[str, int]]:
    """What on the way to a program is closed to a user, and by which mode."""
    last = home.path / RELEASES
    for way in (*reversed(last.parents), last):
        try:
            status = way.stat()
        except FileNotFoundError:
            break  # it will be made, and open
        known = status.st_mode, status.st_uid, status.st_gid
        if not user.may_enter(*known, acl.entries(way)):
            yield str(way), stat.S_IMODE(status.st_mode)
    if user.number < 0:
        return  # nobody knows yet what will be theirs
    for entry in release.layout.release:
        on_the_way = entry.type == DIR and program.startswith(f"{entry.path}/")
        is_program = entry.path == program and entry.type != LINK
        if (on_the_way or is_program) and not user.may_enter(
            entry.mode, int(entry.owner), int(entry.group)
        ):
            yield entry.path, entry.mode


def _user(name: str) -> _User:
    if not name:
        return _User("root", 0, frozenset())
    try:
        known = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        return _User(name, int(name) if name.isdigit() else -1, frozenset())
    groups = os.getgrouplist(known.pw_name, known.pw_gid)
    return _User(name, known.pw_uid, frozenset(groups))
