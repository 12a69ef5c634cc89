"""Knows a POSIX access control list, by which others than owner and group have rights: acl(5).

Where there is one, the bits of the group are no more than what bounds its entries. Linux tells it;
what macOS has instead, the standard library cannot read.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import struct
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.filesystem import Descent, reason
from provisioning.artifact.model.entry import Entry, shown
from provisioning.artifact.model.placement import RELEASES, STATE, Installed
from provisioning.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from contextlib import AbstractContextManager

    from provisioning.installer.store.prefix import Home

    Ids = tuple[str, str]  # the numbers of a user and a group


USER, OWNING, GROUP = 0x02, 0x04, 0x08
"""For whom an entry is: a user, the group that something belongs to, another group."""
WRITE, RUN = 0x02, 0x01

# linux/posix_acl_xattr.h
_NAME = "system.posix_acl_access"
_HEAD, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_MASK = 0x10
_NONE = (errno.ENODATA, errno.ENOTSUP)


class AclEntry(NamedTuple):
    """Who has which rights."""

    kind: int
    """USER, OWNING or GROUP."""
    who: int
    """The number of the user or the group, but of OWNING."""
    rights: int
    """Of WRITE and RUN, among others: what is left by the mask."""


def entries(where: int | Path) -> tuple[AclEntry, ...]:
    """The list of what is open, or lies at a path; nothing where the mode says all.

    Raises OSError.
    """
    if sys.platform != "linux":
        return ()
    try:
        data = os.getxattr(where, _NAME)
    except OSError as error:
        if error.errno not in _NONE:
            raise
        return ()
    said = _ENTRY.iter_unpack(data[_HEAD.size :])
    found = [AclEntry(kind, who, rights) for kind, rights, who in said]
    mask = next((each.rights for each in found if each.kind == _MASK), WRITE | RUN)
    return tuple(
        each._replace(rights=each.rights & mask)  # guard: mask-of-a-list
        for each in found
        if each.kind in {USER, OWNING, GROUP}
    )


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
    groups = sorted({group for _, group in pairs if not _group_number(group)} - {*coming})
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
        if entry[2] & _LENT:  # guard: lent-rights-of-files
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
    said = (
        (stat.S_ISUID, _user, entry.owner, ids[0]),
        (stat.S_ISGID, _group_number, entry.group, ids[1]),
    )
    for bit, look, name, number in said:
        if entry.mode & bit and look(name) != number:  # guard: lent-rights-without-root
            what = "user" if bit == stat.S_ISUID else "group"
            absent = f"there is no {what} {name} on this machine"
            yield bit, absent if not look(name) else f"only root can give it to the {what} {name}"


def _ids(owner: str, group: str) -> Ids:
    return _user(owner) or "0", _group_number(group) or "0"


def _user(name: str) -> str:
    return _number(name, lambda known: pwd.getpwnam(known).pw_uid)


def _group_number(name: str) -> str:
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
        for way in (*reversed(last.parents), last):  # guard: directories-above
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
    if status.st_uid not in {0, os.geteuid()}:  # guard: owner-of-what-is-trusted
        return f"belongs to {name_of(status.st_uid)}"
    if way and status.st_mode & stat.S_ISVTX:
        return ""
    if status.st_mode & stat.S_IWOTH:  # guard: writable-by-all
        return "can be written to by everybody"
    if status.st_mode & stat.S_IWGRP:  # guard: writable-by-a-group
        with opened() as descriptor:
            return _sharing(status, entries(descriptor))
    return ""


def _sharing(status: os.stat_result, entries: Iterable[AclEntry]) -> str:
    """Tell who can write to something of which the bits of its group say that others can."""
    by_mode = AclEntry(OWNING, 0, WRITE)
    for kind, who, rights in tuple(entries) or (by_mode,):
        if not rights & WRITE:
            continue
        if kind == USER and who not in {0, os.geteuid()}:  # guard: writable-by-a-list
            return f"can be written to by {name_of(who)}, as its ACL says"
        if kind == GROUP and not _is_alone(who, status.st_uid):
            return f"can be written to by the group {_group_name(who)}, as its ACL says"
        if kind == OWNING and not _is_alone(status.st_gid, status.st_uid):
            return f"can be written to by the group {_group_name(status.st_gid)}"
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


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
