"""Knows whether what lies in a directory is ours alone, so that it may be run, or believed.

Whoever can write to a directory on the way can put another one in its place. Ours is what belongs
to root, or to whoever runs this.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact.descent import Descent
from provisioning.artifact.files import reason
from provisioning.artifact.installed import RELEASES, STATE
from provisioning.artifact.path import shown
from provisioning.errors import RefusedError

if TYPE_CHECKING:
    from provisioning.target.home import Home

_TOP = Path("/")


def demand_own(home: Home) -> None:
    """Demand that what is known of a package, and its releases, are ours. Raises RefusedError.

    What lies there was put there by nobody else then, whoever may write to the prefix.
    """
    found = []
    for path in (RELEASES, STATE):
        status = home.directory.status(path)
        doubt = _doubt(status) if status else ""
        if doubt:
            where = shown(str(home.path / path))
            way_out = f"`chown -R {_name(os.geteuid())} {where}` and `chmod -R go-w {where}`"
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
            except FileNotFoundError:
                return ""
            except OSError as error:  # a link, most likely
                return f"{shown(str(way))} cannot be looked at: {reason(error)}"
            told = _doubt(status, way=way != last)
            if way == last and not _is(home.directory.status(path), status):
                told = "was exchanged just now"
            if told:
                return f"{shown(str(way))} {told}"
    return ""


def _is(one: os.stat_result | None, other: os.stat_result) -> bool:
    return one is not None and os.path.samestat(one, other)


def _doubt(status: os.stat_result, *, way: bool = False) -> str:
    """Tell who else can write to something.

    On the way, a directory may be open to all if none but the owner of a thing can take it away.
    """
    if status.st_uid not in {0, os.geteuid()}:
        return f"belongs to {_name(status.st_uid)}"
    if way and status.st_mode & stat.S_ISVTX:
        return ""
    if status.st_mode & stat.S_IWOTH:
        return "can be written to by everybody"
    if status.st_mode & stat.S_IWGRP and not _is_alone(status):
        return f"can be written to by the group {_group(status.st_gid)}"
    return ""


def _is_alone(status: os.stat_result) -> bool:
    """Tell whether a group is that of one user, as many systems make one for each."""
    name = _name(status.st_uid)
    try:
        group, user = grp.getgrgid(status.st_gid), pwd.getpwuid(status.st_uid)
    except KeyError:
        return False
    return (group.gr_gid, group.gr_name) == (user.pw_gid, name) and {*group.gr_mem} <= {name}


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
