"""Knows what a Debian package does where a path is a directory in one version, a link in another.

dpkg leaves a directory where a link should come, and unpacks through a link where a directory
should: whoever runs a machine may have moved a directory to another disk. What it has to be told
is told by dpkg-maintscript-helper(1), which refuses where files of others would be lost.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from provisioning.artifact.entry import DIR, LINK
from provisioning.artifact.path import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.deb.described import Described

_END = "END_OF_DIRECTORIES/"  # which no path is: none ends in a slash
_BACKUP = ".dpkg-backup"  # what the helper moves away has this behind its name until the end
_CACHES = """\
        # Else it would refuse for what Python has left there.
        find "$path" -depth -type d -name __pycache__ -exec rm -rf {} +
"""


def begin(described: Described) -> Iterator[str]:
    """Move away what is in the way, before anything is unpacked."""
    yield from _links(described, _CACHES)
    prefix = quote(described.manifest.package.prefix)
    paths = [entry.path for entry in described.manifest.entries if entry.type == DIR]
    if paths:
        yield f"""\
if [ "$1" = upgrade ]; then
    while IFS= read -r path; do
        # Not a link that somebody else has made there.
        if [ -L {prefix}/"$path" ] &&
            grep -qsF "\\"path\\":\\"$path\\",\\"type\\":\\"link\\"}}" {prefix}/{MANIFEST}; then
            path={prefix}/"$path"
            dpkg-maintscript-helper symlink_to_dir "$path" "$(readlink "$path")" -- "$@" </dev/null
        fi
    done <<'{_END}'
{"".join(f"{path}{chr(10)}" for path in paths)}\
{_END}
fi
"""


def end(described: Described) -> Iterator[str]:
    """Finish what was begun, or undo it, by what the script is called with."""
    yield from _links(described)
    prefix = quote(described.manifest.package.prefix)
    if any(entry.type == DIR for entry in described.manifest.entries):
        yield f"""\
if [ -d {prefix} ]; then
    find {prefix} -type l -name '*{_BACKUP}' | while IFS= read -r path; do
        target=$(readlink "$path")
        path=${{path%{_BACKUP}}}
        dpkg-maintscript-helper symlink_to_dir "$path" "$target" -- "$@" </dev/null
    done
fi
"""


def _links(described: Described, before: str = "") -> Iterator[str]:
    prefix = described.manifest.package.prefix
    links = [entry for entry in described.manifest.entries if entry.type == LINK]
    if links:
        yield f"""\
while IFS='\t' read -r path target; do
    if [ -d "$path{_BACKUP}" ] || {{ [ -d "$path" ] && [ ! -L "$path" ]; }}; then
{before}\
        dpkg-maintscript-helper dir_to_symlink "$path" "$target" -- "$@" </dev/null
    fi
done <<'END_OF_LINKS'
{"".join(f"{prefix}/{entry.path}{chr(9)}{entry.link}{chr(10)}" for entry in links)}\
END_OF_LINKS
"""
