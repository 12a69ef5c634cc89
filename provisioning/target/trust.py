"""Knows whether what lies in a directory is ours alone, so that it may be run, or believed.

Whoever can write to a directory on the way can put another one in its place. Ours is what belongs
to root, or to whoever runs this.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact.descent import Descent
from provisioning.artifact.files import reason
from provisioning.artifact.installed import RELEASES, STATE
from provisioning.artifact.path import shown
from provisioning.errors import RefusedError
from provisioning.target import acl
from provisioning.target.owners import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from provisioning.target.home import Home

_TOP = Path("/")


def demand_own(home: Home) -> None:
    """Demand that what is known of a package, and its releases, are ours. Raises RefusedError.

    What lies there was put there by nobody else then, whoever may write to the prefix. Where it is
    another's, who is not root is not the one to say so: raises PermissionError.
    """
    found = []
    for path in (RELEASES, STATE):
        status = home.directory.status(path)
        if status and os.geteuid() and status.st_uid not in {0, os.geteuid()}:
            where = str(home.path / path)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), where)
        doubt = _doubt(status, partial(home.directory.opened, path)) if status else ""
        if doubt:
            where = shown(str(home.path / path))
            way_out = f"`chown -R {name_of(os.geteuid())} {where}` and `chmod -R go-w {where}`"
            found.append(
                f"{where}: {doubt}, and could hold anything; if it does not, {way_out} say so"
            )
    if found:
        raise RefusedError("\n".join(found))


def doubt_about(home: Home, path: str) -> str:
    """Tell why what lies at `path`, or is to, could be exchanged; "" if we alone can do that.

    Each directory is looked at in the one before, which nobody else can change.
    """
    last = home.path / path
    with Descent(_TOP) as descent:
        for way in (*reversed(last.parents), last):
            try:
                parent, name = descent.to(str(way)[1:])
                status = os.stat(name or ".", dir_fd=parent, follow_symlinks=False)
                told = _doubt(status, partial(_opened, name, parent), way=way != last)
            except FileNotFoundError:
                return ""
            except OSError as error:  # a link, most likely
                return f"{shown(str(way))} cannot be looked at: {reason(error)}"
            if way == last and not _is(home.directory.status(path), status):
                told = "was exchanged just now"
            if told:
                return f"{shown(str(way))} {told}"
    return ""


def _is(one: os.stat_result | None, other: os.stat_result) -> bool:
    return one is not None and os.path.samestat(one, other)


def _doubt(
    status: os.stat_result,
    opened: Callable[[], AbstractContextManager[int]],
    *,
    way: bool = False,
) -> str:
    """Tell who else can write to something. Raises OSError.

    On the way, a directory may be open to all if none but the owner of a thing can take it away.
    """
    if status.st_uid not in {0, os.geteuid()}:
        return f"belongs to {name_of(status.st_uid)}"
    if way and status.st_mode & stat.S_ISVTX:
        return ""
    if status.st_mode & stat.S_IWOTH:
        return "can be written to by everybody"
    if status.st_mode & stat.S_IWGRP:
        with opened() as descriptor:
            return _sharing(status, acl.entries(descriptor))
    return ""


def _sharing(status: os.stat_result, entries: Iterable[acl.Entry]) -> str:
    """Tell who can write to something of which the bits of its group say that others can."""
    by_mode = acl.Entry(acl.OWNING, 0, acl.WRITE)
    for kind, who, rights in tuple(entries) or (by_mode,):
        if not rights & acl.WRITE:
            continue
        if kind == acl.USER and who not in {0, os.geteuid()}:
            return f"can be written to by {name_of(who)}, as its ACL says"
        if kind == acl.GROUP and not _is_alone(who, status.st_uid):
            return f"can be written to by the group {_group(who)}, as its ACL says"
        if kind == acl.OWNING and not _is_alone(status.st_gid, status.st_uid):
            return f"can be written to by the group {_group(status.st_gid)}"
    return ""


@contextmanager
def _opened(name: str, parent: int) -> Iterator[int]:
    """Open what has a name in a directory; nothing is waited for, if it is a FIFO by now."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name or ".", flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_alone(group: int, user: int) -> bool:
    """Tell whether a group is that of one user, as many systems make one for each."""
    name = name_of(user)
    try:
        found, owner = grp.getgrgid(group), pwd.getpwuid(user)
    except KeyError:
        return False
    return (found.gr_gid, found.gr_name) == (owner.pw_gid, name) and {*found.gr_mem} <= {name}


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
