"""The entries of a package: which paths, links, owners and modes they can have."""

from __future__ import annotations

import os
import re
import stat
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from provisioning.console import NO_CHARACTERS, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESERVED = ".provisioning"  # the directory of a package that belongs to this project
MANIFEST = f"{RESERVED}/manifest.json"
HOOKS = f"{RESERVED}/hooks"  # a script for each hook, by its name
DEBIAN = f"{RESERVED}/debian"  # what a Debian package has at Debian's own places
TOOL = "install"  # what installs the package, at its top

# Below the prefix where a package is installed: what belongs to the machine.
STATE = "state"
TRANSACTION = f"{STATE}/transaction.json"  # there while a change is under way
UNCOMPILED = f"{STATE}/uncompiled"  # there while the current release lacks its byte code
DEVICE = "etc/device.env"  # the values that only the device knows

# 4,096 is PATH_MAX with the final NUL; the rest is left for the directory a package lies in.
_LONGEST_PATH = 4000
_LONGEST_NAME = 255

# No component begins with a dot, no character is special: true of nearly every path.
_ORDINARY = re.compile(r"(?:[\w+@=-][\w.+@=-]*/)*[\w+@=-][\w.+@=-]*", re.ASCII)
# Visible ASCII without the backslash; and the separator of the paths in `sound_keys`.
_SOUND = bytes({*range(0x20, 0x7F), ord("\n")} - {ord("\\")})
_SPELLINGS = (
    (r"^\Z", "is empty"),  # guard: empty-path
    (r"[\ud800-\udfff]", "is not UTF-8"),  # guard: surrogate-in-a-path
    (r"[\x00-\x1f\x7f-\x9f]", "contains a control character"),  # guard: control-character-in-a-path
    (f"[{NO_CHARACTERS}]", "contains a code point that is not a character"),
    (r"\\", "contains a backslash"),  # guard: backslash-in-a-path
    (r"^/", "is absolute; paths are relative to the package"),  # guard: absolute-path
)
_IN_PATHS = ("//", "/./", "/../")
_COMPONENTS = (
    (r"(?:^|/)\.\.(?:/|\Z)", "leaves the package (..)"),  # guard: path-with-dots
    (r"(?:^|/)\.(?:/|\Z)", 'contains a "." component'),  # guard: path-with-a-dot
    (r"//", 'contains an empty component ("//")'),
    (r"/\Z", "ends in a slash"),
)


def path_fault(path: str) -> str | None:
    """Why `path` cannot be a path inside a package, or None."""
    if _ORDINARY.fullmatch(path):
        return None if len(path) <= _LONGEST_NAME else _length_fault(path)
    return _first(_SPELLINGS, path) or _first(_COMPONENTS, path) or _length_fault(path)


def link_fault(path: str, target: str) -> str | None:
    """Why a link at `path` may not lead to `target`, or None.

    A target climbs first and names afterwards. As every directory above a link is a real one, the
    climb then ends where it seems to end, and no chain of links leads out of the package: after
    a name, which may itself be a link, `..` could be anywhere.
    """
    fault = _first(_SPELLINGS, target) or _length_fault(target)
    if fault:
        return fault
    parts = [part for part in target.split("/") if part not in {"", "."}]
    climb = parts.count("..")
    if ".." in parts[climb:]:  # guard: link-goes-back
        return "has .. after a name; write every .. at the beginning"
    return "leaves the package (..)" if climb > path.count("/") else None  # guard: link-climbs


def collision_key(path: str) -> str:
    """Map two paths that some file system takes for one (APFS, HFS+, NTFS) to one key.

    This is Unicode's canonical caseless matching (The Unicode Standard, D145).
    """
    if path.isascii():
        return path.lower()  # guard: case-of-paths
    # Imported here: a build with nothing to do need not load it.
    import unicodedata  # noqa: PLC0415

    # guard: normal-form-of-paths
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def sound_keys(paths: Sequence[str]) -> list[str] | None:
    """The collision keys of many paths if all are short and plain ASCII; else None.

    That takes a twentieth of the time of `path_fault` and `collision_key` for each.
    """
    joined = "/\n/".join(paths)
    text = f"/{joined}/"
    if not text.isascii() or max(map(len, paths), default=0) > _LONGEST_NAME:
        return None
    if text.encode().translate(None, _SOUND) or any(part in text for part in _IN_PATHS):
        return None
    if joined.count("\n") != len(paths) - 1:
        return None
    return joined.lower().split("/\n/")


def shown(path: str) -> str:
    """A path in printable characters: escaped and in quotes where it has others."""
    spelt = printable(path)
    # In quotes, where escapes are doubled: no name could be mistaken for another.
    # guard: readable-names
    return path if spelt == path else f"'{printable(path.replace(chr(92), 2 * chr(92)))}'"


def _first(rules: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((reason for search, reason in _compiled(rules) if search(text)), None)


@cache
def _compiled(rules: tuple[tuple[str, str], ...]) -> list[tuple[Callable[[str], object], str]]:
    # Compiled when needed: a build with nothing to do checks no path.
    return [(re.compile(pattern).search, reason) for pattern, reason in rules]


def _length_fault(path: str) -> str | None:
    if len(path.encode()) > _LONGEST_PATH:  # guard: longest-path
        return f"is longer than {_LONGEST_PATH} bytes"
    if max(map(len, path.encode().split(b"/"))) > _LONGEST_NAME:  # guard: longest-name
        return f"contains a name longer than {_LONGEST_NAME} bytes"
    return None


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
"""Types by their bits of a mode, as in stat(2): those that an entry can have, and others."""


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


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,6}")
_LARGEST_ID = 0o7777777


@lru_cache(maxsize=256)  # a package has few owners and many entries
def owner_fault(owner: str) -> str | None:
    """Why `owner` cannot be the user or group of an entry, or None.

    The limits are those of a ustar header (pax(5)): 31 ASCII characters, or seven octal digits.
    """
    if _NUMBER.fullmatch(owner):
        return None if int(owner) <= _LARGEST_ID else f"is a number above {_LARGEST_ID}"
    if _NAME.fullmatch(owner):
        return None
    return "is neither a name (at most 31 of A-Z a-z 0-9 _ . -) nor a number up to 2097151"


LENT = stat.S_ISUID | stat.S_ISGID


def carried(mode: int, owner: str, group: str, *, numbers: bool = True) -> int:
    """The mode of an entry in an archive, without setuid and setgid for owners that are names.

    `numbers`: whether the archive can have owners as numbers.
    """
    if not mode & LENT:  # as nearly all  # guard: lent-rights-of-numbers
        return mode
    user, team = (name == "root" or (numbers and name.isdigit()) for name in (owner, group))
    return mode & (~LENT | (stat.S_ISUID * user) | (stat.S_ISGID * team))


def here(entry: Entry) -> Entry:
    """An entry as the current user unpacks it: setuid and setgid only for oneself."""
    if not entry.mode & LENT:  # guard: lent-rights-of-names
        return entry
    user = entry.owner in _names(os.geteuid())
    team = entry.group in _names(os.getegid())
    kept = (stat.S_ISUID * user) | (stat.S_ISGID * team)
    return entry._replace(mode=entry.mode & (~LENT | kept))


def _names(number: int) -> set[str]:
    return {str(number)} if number else {"root", "0"}
