"""Knows how a Debian package gives setuid and setgid, which its data do not have.

An administrator's dpkg-statoverride(1) comes first, as Debian Policy 10.9 has it.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from provisioning.artifact.lent import LENT, carried

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.deb.described import Described
    from provisioning.artifact.entry import Entry


def give(described: Described) -> Iterator[str]:
    """Set them once the owner is there; without, tell so."""
    name, prefix = described.manifest.package.name, described.manifest.package.prefix
    found = [
        entry
        for entry in described.manifest.entries
        if entry.mode & LENT and carried(*entry[2:5]) != entry.mode
    ]
    if found:
        lines = "".join(_line(prefix, entry) for entry in found)
        yield f"""\
lend() {{
    if [ -L "$4" ] || [ ! -e "$4" ] || dpkg-statoverride --list "$4" >/dev/null; then
        return 0
    elif getent passwd "$1" >/dev/null && getent group "$2" >/dev/null; then
        chown "$1:$2" "$4"
        chmod "$3" "$4"
    else
        echo "{name}: $4: without setuid and setgid: no user $1, or no group $2" >&2
    fi
}}
if [ "$1" = configure ]; then
{lines}\
fi
"""


def _line(prefix: str, entry: Entry) -> str:
    path = quote(f"{prefix}/{entry.path}")
    return f"    lend {entry.owner} {entry.group} {entry.mode:04o} {path}\n"
