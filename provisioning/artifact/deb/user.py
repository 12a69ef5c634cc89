"""Knows whom a Debian package makes, and whether they reach it: the users that run its services."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.deb.described import Described
    from provisioning.artifact.package import Package

_ROOT = ("", "root", "0")


def users(package: Package) -> tuple[str, ...]:
    """Who has to be there before the files are, sorted; a number is nobody that could be made."""
    return tuple(user for user in _all(package) if not user.isdigit())


def reach(described: Described) -> Iterator[str]:
    """Refuse to come where somebody has closed the way to one who runs a service.

    An installation without dpkg asks the same: see target/reach.py.
    """
    package = described.manifest.package
    names = package.prefix[1:].split("/")
    ways = (quote("/" + "/".join(names[:count])) for count in range(1, len(names) + 1))
    if found := " ".join(_all(package)):
        yield f"""\
may_enter() {{
    groups=$(id -G "$1" 2>/dev/null | tr ' ' ,)
    groups=${{groups:-65534}}
    setpriv --reuid="$1" --regid="${{groups%%,*}}" --groups="$groups" test -x "$2" 2>/dev/null
}}
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    for user in {found}; do
        may_enter "$user" / || continue  # here, nobody can become another
        for way in {" ".join(ways)}; do
            if [ -d "$way" ] && ! may_enter "$user" "$way"; then
                printf '%s: %s: its mode keeps out the user %s, who runs a service; %s\\n' \\
                    {package.name} "$way" "$user" '`chmod a+x` it' >&2
                exit 1
            fi
        done
    done
fi
"""


def _all(package: Package) -> tuple[str, ...]:
    return tuple(sorted({each.user for each in package.services}.difference(_ROOT)))
