"""Knows which paths no Debian package can have: dpkg does not unpack them, or has others there.

While it unpacks, dpkg puts a suffix behind a name: `.dpkg-new` behind what comes, `.dpkg-tmp`
behind what goes. It removes what it finds there, though a package may have brought it, or leaves
one file under the name of the other, with exit status 0. All limits were measured with dpkg 1.21.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_NAME = 255 - len(".dpkg-new")
_LONGEST_CONFFILE_NAME = 255 - len(".dpkg-dist")
_LONGEST_PATH = 4095 - len(".dpkg-new")
_LONGEST_CONFFILE = 996  # MAXCONFFILENAME, with the end of the line
_OWN = ".dpkg-"
_UNPACKING = (".dpkg-new", ".dpkg-tmp")
_BESIDE = (".dpkg-dist", ".dpkg-old")


_BLANK = (
    "ends in a space, which dpkg takes off the names of conffiles: it would overwrite edits; choose"
    " another name"
)


class _Placed(Protocol):
    """An entry, or what becomes one."""

    @property
    def path(self) -> str: ...

    @property
    def conffile(self) -> bool: ...


def faults(name: str, prefix: str, entries: Iterable[_Placed]) -> Iterator[tuple[str, str]]:
    """Tell which paths the package `name` cannot have as a deb, and why."""
    entries = tuple(entries)
    # Nearly every path of very many is short, whatever its characters take.
    short = min(LONGEST_NAME, _LONGEST_PATH - 4 * len(prefix)) // 4
    some = [
        each for each in entries if each.conffile or len(each.path) > short or _OWN in each.path
    ]
    conffiles = {each.path: each.conffile for each in entries} if some else {}
    for path, conffile in ((each.path, each.conffile) for each in some):
        reasons = [*_lengths(prefix, path, conffile=conffile), *_meetings(name, path, conffiles)]
        if conffile and path.endswith(" "):
            reasons.append(_BLANK)
        yield from ((path, reason) for reason in reasons)


def _lengths(prefix: str, path: str, *, conffile: bool) -> Iterator[str]:
    whole = len(f"{prefix}/{path}".encode())
    longest = len(path.rpartition("/")[2].encode())  # of those above, others tell
    what, name_limit, limit = "a path", LONGEST_NAME, _LONGEST_PATH
    if conffile:
        what, name_limit, limit = "a conffile", _LONGEST_CONFFILE_NAME, _LONGEST_CONFFILE
    if longest > name_limit:
        yield f"has a name of {longest} bytes, and dpkg unpacks {what} with {name_limit} at most"
    if whole > limit:
        yield f"has {whole} bytes with its prefix, and dpkg unpacks {what} with {limit} at most"


def _meetings(name: str, path: str, conffiles: dict[str, bool]) -> Iterator[str]:
    for suffix in _UNPACKING:
        if path.endswith(suffix) and path.removesuffix(suffix) in conffiles:
            yield f"is where dpkg puts {path.removesuffix(suffix)} while it unpacks"
    for suffix in _BESIDE:
        if path.endswith(suffix) and conffiles.get(path.removesuffix(suffix)):
            conffile = path.removesuffix(suffix)
            yield f"is where dpkg puts a version of the configuration file {conffile}"
    if re.fullmatch(rf"(?:.*/)?\.{re.escape(name)}-[0-9]+\.dpkg-bak", path):
        yield "is where an upgrade puts what is in its way"
