"""Knows what a Debian package does where the one before it had something else at a path.

dpkg itself destroys an edited configuration file that becomes a link, a directory or a file like
others, leaves a new one beside a link or a directory and says nothing, asks where nobody answers,
leaves a directory where a link should come, and unpacks through a link where a directory should.

So `begin` moves out of dpkg's way what is in it, before anything is unpacked, and notes each step
in `BEGUN` before it is taken; `end` finishes what is noted there, or undoes it. What is noted:

    moved PATH ASIDE         was the old package's, and is not needed any more
    turned PATH ASIDE LINK   the same: a directory that becomes a link; an empty one lies there
    saved PATH ASIDE         is edited, and becomes something else: will be PATH.dpkg-old
    copied PATH              is a copy of what was edited in a directory that goes
    kept PATH [ASIDE]        is edited, and stays; the new one will be PATH.dpkg-dist
    same PATH [ASIDE]        is edited, and stays; the new one is no other than the old one
    gone PATH ASIDE          was deleted, and stays so
    taken PATH ASIDE         is not edited, which dpkg does not know: the new one takes its place
    dropped PATH             is not edited, and the new version has no such file: is removed
    idle PATH                is edited, and the new version has no such file: stays

ASIDE is where PATH was moved to. What dpkg would ask about is a link to it meanwhile, so that
whoever reads it reads what was there: where a configuration file is a link, dpkg leaves alone both
the link and, beside it, what comes.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from provisioning.artifact.deb.switch_text import BEGIN, END, PURGE
from provisioning.artifact.entry import DIR, LINK
from provisioning.artifact.path import RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.artifact.deb.described import Described

BEGUN = f"{RESERVED}/dpkg-begun"
SAVED = f"{RESERVED}/dpkg-saved"
"""Below the prefix: what was edited and saved, for a purge to remove."""

_END = "END_OF_PATHS/"  # which no line is: no path ends in a slash


def begin(described: Described) -> Iterator[str]:
    """Move away what is in the way, before anything is unpacked."""
    entries, root = described.manifest.entries, described.manifest.package.prefix
    conffiles = (f"{entry.digest} {root}/{entry.path}" for entry in entries if entry.conffile)
    links = (f"{root}/{entry.path}\t{entry.link}" for entry in entries if entry.type == LINK)
    directories = (f"{root}/{entry.path}" for entry in entries if entry.type == DIR)
    lists = {"conffiles": conffiles, "links": links, "directories": directories}
    told = "".join(_function(name, lines) for name, lines in lists.items())
    yield _when("install | upgrade", f"{_names(described)}\n{told}{BEGIN}")


def finish(described: Described) -> Iterator[str]:
    """Finish what was begun."""
    yield _when("configure", f"{_names(described)}{END}each finish\n")


def undo(described: Described) -> Iterator[str]:
    """Undo what was begun and will not be finished; on a purge, remove what was saved."""
    names = _names(described)
    yield _when("abort-install | abort-upgrade", f"{names}{END}each undo\n")
    yield _when("remove | disappear | purge", f"{names}{END}each leave\n{PURGE}")


def _when(arguments: str, text: str) -> str:
    """The text in a shell of its own, for what dpkg calls the script with."""
    return f'case "$1" in {arguments})\n    (\n{text}    )\n    ;;\nesac\n'


def _names(described: Described) -> str:
    package = described.manifest.package
    return "".join(
        f"{name}={quote(value)}\n"
        for name, value in (
            ("package", package.name),
            ("root", package.prefix),
            ("begun", f"{package.prefix}/{BEGUN}"),
            ("saved", f"{package.prefix}/{SAVED}"),
        )
    )


def _function(name: str, lines: Iterable[str]) -> str:
    """A function that prints lines."""
    text = "".join(f"{line}\n" for line in lines)
    return f"{name}() {{\n    cat <<'{_END}'\n{text}{_END}\n}}\n"
