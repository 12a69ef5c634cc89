"""Knows a POSIX access control list, by which others than owner and group have rights: acl(5).

Where there is one, the bits of the group are no more than what bounds its entries. Linux tells it;
what macOS has instead, the standard library cannot read.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

USER, OWNING, GROUP = 0x02, 0x04, 0x08
"""For whom an entry is: a user, the group that something belongs to, another group."""
WRITE, RUN = 0x02, 0x01

# linux/posix_acl_xattr.h
_NAME = "system.posix_acl_access"
_HEAD, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_MASK = 0x10
_NONE = (errno.ENODATA, errno.ENOTSUP)


class Entry(NamedTuple):
    """Who has which rights."""

    kind: int
    """USER, OWNING or GROUP."""
    who: int
    """The number of the user or the group, but of OWNING."""
    rights: int
    """Of WRITE and RUN, among others: what is left by the mask."""


def entries(where: int | Path) -> tuple[Entry, ...]:
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
    found = [Entry(kind, who, rights) for kind, rights, who in said]
    mask = next((each.rights for each in found if each.kind == _MASK), WRITE | RUN)
    return tuple(
        each._replace(rights=each.rights & mask)
        for each in found
        if each.kind in {USER, OWNING, GROUP}
    )
