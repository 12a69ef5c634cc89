"""Knows how a Debian package sees whether a unit's name is another's, or its service was stopped.

dpkg refuses a file that another package has, but takes `/lib` and `/usr/lib` for two, and knows
nothing of what was installed without it. The directories are those of systemd.unit(5).
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from provisioning.artifact.deb import units

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.deb.described import Described

_COPIES = "/etc/systemd/system"  # of what was there before a package was removed, too
_PLACES = (
    *("/etc/systemd/system.control", _COPIES, "/etc/systemd/system.attached"),
    *("/run/systemd/transient", "/run/systemd/system", "/run/systemd/generator"),
    *("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"),
    "/run/systemd/generator.late",
)

_ALIAS = """\
# Which file of a place says that a unit has this name too, once it is enabled.
alias_in() {
    grep -ls '^[[:blank:]]*Alias' "$1"/*.service "$1"/*.service.d/*.conf |
        while IFS= read -r path; do
            sed -n -e :a -e '/\\\\$/{N;s/\\\\\\n/ /;ba' -e '}' \\
                -e 's/^[[:blank:]]*Alias[[:blank:]]*=/ /p' "$path" |
                tr -s '[:blank:]' '\\n' | grep -qxF "$2" && printf '%s\\n' "$path" || true
        done | sed -n 1p
}
"""
STOPPED = """\
# Whether somebody has stopped a unit: it has left its state before its process has ended.
was_stopped() {
    systemctl is-active --quiet "$1" && return 1
    left=$(systemctl show --property=ActiveExitTimestampMonotonic --value "$1")
    ended=$(systemctl show --property=ExecMainExitTimestampMonotonic --value "$1")
    [ "${left:-0}" -gt 0 ] && [ "${left:-0}" -lt "${ended:-0}" ]
}
"""


def refuse(described: Described) -> Iterator[str]:
    """Refuse to come where a unit of that name is another's, before anything is changed.

    What this package has brought may have been copied to `_COPIES`, or masked there.
    """
    package = described.manifest.package
    if names := " ".join(map(quote, units.names(package))):
        yield _ALIAS
        yield f"""\
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    for unit in {names}; do
        if dpkg-query --listfiles {package.name} 2>/dev/null |
            grep -qxF "{units.DIRECTORY}/$unit"; then
            continue
        fi
        for place in {" ".join(_PLACES)}; do
            path=$(alias_in "$place" "$unit")
            if [ -n "$path" ]; then
                echo "{package.name}: $path: is not of {package.name}, and goes by the name" \\
                    "$unit too where it is enabled (Alias=); call the service another name" >&2
                exit 1
            fi
            path=$place/$unit
            if [ "$1$place" = "install{_COPIES}" ] && [ -n "$2" ]; then
                continue
            elif [ "$(readlink "$path")" = /dev/null ]; then
                continue
            elif [ -s "$path" ] || [ -L "$path" ]; then
                echo "{package.name}: $path: is not of {package.name}; remove it," \\
                    "or call the service another name" >&2
                exit 1
            fi
        done
    done
fi
"""
