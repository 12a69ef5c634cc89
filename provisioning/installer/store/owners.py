"""Who owns what: owners by number, rights that are left out, and who else could write.

Access control lists are those of POSIX, acl(5), as Linux has them. With such a list, the group bits
of a mode only bound its entries. The standard library cannot read the lists of macOS.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import re
import stat
import struct
import sys
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.filesystem import Descent, reason
from provisioning.artifact.model.entry import Entry, shown
from provisioning.artifact.model.placement import BYTECODE, RELEASES, STATE, Installed
from provisioning.errors import RefusedError
from provisioning.installer.store.durable import sync_below
from provisioning.installer.store.prefix import is_image

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from provisioning.installer.store.prefix import Home

    Ids = tuple[str, str]  # the numbers of a user and a group


USER, OWNING, GROUP = 0x02, 0x04, 0x08
"""The kinds of entries: for a user, for the owning group, for another group."""
WRITE, RUN = 0x02, 0x01

# linux/posix_acl_xattr.h
_NAME = "system.posix_acl_access"
_HEAD, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_MASK = 0x10
_NONE = (errno.ENODATA, errno.ENOTSUP)


class AclEntry(NamedTuple):
    """An entry of an access control list."""

    kind: int
    """USER, OWNING or GROUP."""
    who: int
    """The number of the user or the group; meaningless for OWNING."""
    rights: int
    """WRITE and RUN, among others, as far as the mask allows them."""


def entries(where: int | Path) -> tuple[AclEntry, ...]:
    """Return the access control list of a descriptor or path; empty if there is only a mode.

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
    """Whether this process can give files to other users."""
    return os.geteuid() == 0


def name_of(user: int) -> str:
    """Return the name of a user, or its number if it has no name."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def missing(entries: Iterable[Entry], coming: Collection[str], accounts: Accounts) -> list[str]:
    """Return which users and groups of a package are missing on a machine, if it matters.

    Those that are `coming` will be created before anything is written.
    """
    if not can_give():
        return []
    pairs = {(entry.owner, entry.group) for entry in entries}
    users = sorted({owner for owner, _ in pairs if not accounts.user(owner)} - {*coming})
    groups = sorted({group for _, group in pairs if not accounts.group(group)} - {*coming})
    return [f"user {name}" for name in users] + [f"group {name}" for name in groups]


def own() -> Ids | None:
    """Return who owns all files that this process writes; None if it can give them to others."""
    return None if can_give() else (str(os.geteuid()), str(os.getegid()))


def numbered(layout: Installed, all_of: Ids | None, accounts: Accounts) -> Installed:
    """Return a layout with numbers for owners; with `all_of`, everything belongs to that one.

    An owner that is missing on the machine becomes root. An entry has setuid only with its own
    owner, and setgid only with its own group: else these would be rights that nobody has given.
    """
    known: dict[tuple[str, ...], Ids] = {}  # few owners have many entries

    def number(entry: Entry) -> Entry:
        names = entry[3:5]
        ids = known.get(names) or known.setdefault(names, all_of or _ids(*names, accounts))
        if entry[2] & _LENT:  # guard: lent-rights-of-files
            mode = entry.mode & ~sum(bit for bit, _ in _unlent(entry, ids, accounts))
            return Entry._make((*entry[:2], mode, *ids, *entry[5:]))
        # In half the time of _replace.
        return entry if ids == names else Entry._make((*entry[:3], *ids, *entry[5:]))

    return Installed(*(tuple(map(number, entries)) for entries in layout))


def unlent(entries: Iterable[Entry], accounts: Accounts) -> tuple[str, ...]:
    """Return which entries are installed without setuid or setgid, and why."""
    ids = own()
    return tuple(
        f"{shown(entry.path)}: without {_BITS[bit]}, since {why}"
        for entry in entries
        if entry.mode & _LENT
        for bit, why in _unlent(entry, ids or _ids(entry.owner, entry.group, accounts), accounts)
    )


def give(home: Home, release: str, layout: Installed, coming: Collection[str]) -> None:
    """Give files of a release, and those beside it, to users that were created after the files.

    They had no number when the release at this path below the prefix was written. Raises OSError.
    """
    if not coming:
        return
    known = accounts(home.root)
    users, groups = ({each(name) for name in coming} for each in known)
    beside = (*layout.above, *layout.data, *layout.conffiles)
    for path, entries in ((release, layout.release), ("", beside)):
        with home.directory.opened(path) as opened, Descent(opened) as descent:
            for entry in entries:
                if entry.owner in users or entry.group in groups:
                    with suppress(FileNotFoundError):  # somebody has deleted it
                        _give(descent, entry, lent=bool(path))
            sync_below(home.directory, path, opened)


def _give(descent: Descent, entry: Entry, *, lent: bool) -> None:
    parent, name = descent.to(entry.path)
    numbers = int(entry.owner), int(entry.group)
    os.chown(name, *numbers, dir_fd=parent, follow_symlinks=False)
    if lent and entry.mode & _LENT:  # which nobody could be lent before
        os.chmod(name, entry.mode, dir_fd=parent)


def _unlent(entry: Entry, ids: Ids, accounts: Accounts) -> Iterator[tuple[int, str]]:
    """The bits that an entry loses if it belongs to `ids`, and why."""
    said = (
        (stat.S_ISUID, accounts.user, entry.owner, ids[0]),
        (stat.S_ISGID, accounts.group, entry.group, ids[1]),
    )
    for bit, look, name, number in said:
        if entry.mode & bit and look(name) != number:  # guard: lent-rights-without-root
            what = "user" if bit == stat.S_ISUID else "group"
            absent = f"there is no {what} {name} on this machine"
            yield bit, absent if not look(name) else f"only root can give it to the {what} {name}"


def _ids(owner: str, group: str, accounts: Accounts) -> Ids:
    return accounts.user(owner) or "0", accounts.group(group) or "0"


class Accounts(NamedTuple):
    """The users and groups of a machine: they map a name to its number, "" if there is none."""

    user: Callable[[str], str]
    group: Callable[[str], str]


def accounts(root: Path) -> Accounts:
    """Return the users and groups of the machine that has this root, which may not be running."""
    if not is_image(root):
        return _RUNNING
    users, groups = (_numbers(root / "etc" / name) for name in ("passwd", "group"))
    return Accounts(
        lambda name: _number(name, users.__getitem__),
        lambda name: _number(name, groups.__getitem__),
    )


def _numbers(path: Path) -> Mapping[str, int]:
    """The names in a file of passwd(5) or group(5), and their numbers."""
    with open(os.open(path, _PLAIN_FILE), encoding="utf-8", errors="surrogateescape") as file:
        found = (_ACCOUNT.match(line) for line in file)
        return {match[1]: int(match[2]) for match in found if match}


_ACCOUNT = re.compile(r"([^:]+):[^:]*:([0-9]+):")
_PLAIN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_RUNNING = Accounts(
    lambda name: _number(name, lambda known: pwd.getpwnam(known).pw_uid),
    lambda name: _number(name, lambda known: grp.getgrnam(known).gr_gid),
)


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
    """Check that the state of a package, its releases and byte code are ours. Raises RefusedError.

    Then nobody else has written there, even if others may write to the prefix. If they belong to
    another user and this one is not root: raises PermissionError.
    """
    found = []
    for path in (RELEASES, BYTECODE, STATE):
        status = home.directory.status(path)
        if status and os.geteuid() and status.st_uid not in {0, os.geteuid()}:
            where = str(home.path / path)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), where)
        doubt = _doubt(status, partial(home.directory.opened, path)) if status else ""
        if doubt:
            where = shown(str(home.path / path))
            way_out = f"`chown -R {name_of(os.geteuid())} {where}` and `chmod -R go-w {where}`"
            found.append(
                f"{where}: {doubt}, and could contain anything; if you trust it, run {way_out}"
            )
    if found:
        raise RefusedError("\n".join(found))


def doubt_about(home: Home, path: str, below: Path = _TOP) -> str:
    """Return why others could exchange what is, or will be, at `path`; "" if they cannot.

    Each directory is opened in the one before, which nobody else can change. Those above `below`
    are taken as they are.
    """
    last = home.path / path
    with Descent(_TOP) as descent:
        for way in (*reversed(last.parents), last):  # guard: directories-above
            if not way.is_relative_to(below):
                continue
            try:
                parent, name = descent.to(str(way)[1:])
                status = os.stat(name or ".", dir_fd=parent, follow_symlinks=False)
                told = _doubt(status, partial(_opened, name, parent), way=way != last)
            except FileNotFoundError:
                return ""
            except OSError as error:  # a link, most likely
                return f"{shown(str(way))} cannot be read: {reason(error)}"
            if way == last and not _is(home.directory.status(path), status):
                told = "was replaced just now"
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
    """Who else can write to something; "" if nobody. Raises OSError.

    On the `way`, a directory may be writable by all if it is sticky.
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
    """Who can write to something whose group bits allow writing; "" if nobody else."""
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
    """Open a name in a directory, without waiting if it has become a FIFO."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name or ".", flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_alone(group: int, user: int) -> bool:
    """Whether a group is that of one user, as many systems create one for each."""
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
