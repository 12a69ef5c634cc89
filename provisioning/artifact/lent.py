"""Knows where setuid and setgid may be: with the owner whose rights they lend to everybody, alone.

What unpacks an archive looks owners up by name, and whom it does not know becomes what its number
says: root. So an archive has these bits only where its owner is the same everywhere. The manifest
says them for all; who installs by it, or as a Debian package does, sets them once the owner is.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioning.artifact.entry import Entry

LENT = stat.S_ISUID | stat.S_ISGID


def carried(mode: int, owner: str, group: str, *, numbers: bool = True) -> int:
    """The mode that an archive has for an entry; `numbers`: whether it has those of owners."""
    if not mode & LENT:  # as nearly all
        return mode
    user, team = (name == "root" or (numbers and name.isdigit()) for name in (owner, group))
    return mode & (~LENT | (stat.S_ISUID * user) | (stat.S_ISGID * team))


def here(entry: Entry) -> Entry:
    """An entry as it is where whoever runs this gives nothing to others: it lends their rights."""
    if not entry.mode & LENT:
        return entry
    user = entry.owner in _names(os.geteuid())
    team = entry.group in _names(os.getegid())
    kept = (stat.S_ISUID * user) | (stat.S_ISGID * team)
    return entry._replace(mode=entry.mode & (~LENT | kept))


def _names(number: int) -> set[str]:
    return {str(number)} if number else {"root", "0"}
