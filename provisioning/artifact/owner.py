"""Knows which owners there are: what they may be called, and their numbers on this machine."""

from __future__ import annotations

import grp
import pwd
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from provisioning.artifact.entry import Entry

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,6}")
_LARGEST_ID = 0o7777777


@lru_cache(maxsize=256)  # a package has few owners and many entries
def owner_fault(owner: str) -> str | None:
    """Say why `owner` can be no user or group of an entry, or None.

    The limits are those of a ustar header (pax(5)): 31 ASCII characters, or seven octal digits.
    """
    if _NUMBER.fullmatch(owner):
        return None if int(owner) <= _LARGEST_ID else f"is a number above {_LARGEST_ID}"
    if _NAME.fullmatch(owner):
        return None
    return "is neither a name (at most 31 of A-Z a-z 0-9 _ . -) nor a number up to 2097151"


def owner_ids(entry: Entry) -> tuple[int, int]:
    """Tell an entry's user and group number on this machine. Raises ArtifactError if unknown."""
    owner, group = entry.owner, entry.group
    try:
        uid = int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid
        gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise ArtifactError(f"owner {owner}:{group} is not known on this machine") from None
    return uid, gid
