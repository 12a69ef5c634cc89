"""Knows what a package says about one path."""

from __future__ import annotations

import stat
from typing import NamedTuple

FILE, DIR, LINK = "file", "dir", "link"
TYPES = {
    stat.S_IFREG: FILE,
    stat.S_IFDIR: DIR,
    stat.S_IFLNK: LINK,
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}
"""What a mode calls a type, as stat(2) gives it: what an entry can be, and what it cannot."""


class Entry(NamedTuple):
    """One path of a package. Sizes are in bytes, digests are SHA-256 in hexadecimal."""

    path: str  # relative to the package's root, POSIX, no trailing slash
    type: str  # FILE, DIR or LINK
    mode: int  # permission bits, 0 to 0o7777; a link's is always 0o777
    owner: str  # a name, or a decimal number as text
    group: str
    size: int = 0  # of the content; 0 unless FILE
    digest: str = ""  # of the content; "" unless FILE
    link: str = ""  # where a LINK leads; "" unless LINK
    conffile: bool = False
