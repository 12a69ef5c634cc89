"""Knows what a purge of a Debian package removes besides its files, and what was there before it.

dpkg knows which directories a package has, and not what a service has written there. Where such a
directory came with the package, all that is in it goes with it. One that was there before is noted
in `FOUND` as the package comes, and is left as it is. What else is the package's is named one by
one, in no prefix but one that is called as the package.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from provisioning.artifact.bytecode import is_source
from provisioning.artifact.path import DEVICE, RESERVED
from provisioning.artifact.unit import writable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.artifact.deb.described import Described
    from provisioning.artifact.manifest import Manifest

FOUND = f"{RESERVED}/dpkg-found"

_IS_OWN = """\
# Whether the version before has a directory, for data, or holds all that is in it.
is_own() {{
    owned=$(dpkg-query --listfiles {name} 2>/dev/null) || return 1
    printf '%s\\n' "$owned" | grep -qxF -e "$1" || return 1
    printf '%s\\n' "$owned" | grep -qF -e "$1/" || return 0
    ! {{
        find "$1" -name __pycache__ -prune -o ! -type d -print
        printf '%s\\n' "$owned" "$owned"
    }} | LC_ALL=C sort | LC_ALL=C uniq -u | grep -qF -e "$1/"
}}
"""
_NOTE = """\
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    [ "$1$2" != install ] || rm -f {found}
    for path in {data}; do
        if [ -d "$path" ] && ! is_own "$path"; then
            mkdir -p {reserved}
            printf '%s\\n' "$path" >>{found}
        fi
    done
fi
"""
_FORGET = """\
if {{ [ "$1" = abort-install ] || [ "$1" = abort-upgrade ]; }} && [ -f {found} ]; then
    while IFS= read -r path; do
        if is_own "$path"; then
            printf '%s\\n' "$path"
        fi
    done <{found} >{found}-new
    mv -T {found}-new {found}
    if [ ! -s {found} ]; then
        rm {found}
        rmdir --ignore-fail-on-non-empty {reserved}
    fi
fi
"""
_PURGE = """\
if [ "$1" = purge ] && [ -d {prefix} ]; then
{removed}\
    rm -f {found}
fi
"""
_DATA = """\
    for path in {data}; do
        if grep -sqxF -e "$path" {found}; then
            continue
        elif [ ! -L "$path" ] && mountpoint -q "$path"; then
            echo "{name}: $path: is mounted there; unmount it, and purge again" >&2
            exit 1
        fi
        rm -rf --one-file-system "$path"
    done
"""
_DEVICE = """\
    rm -f {device}
    rmdir {configuration} 2>/dev/null || true
"""
_CACHES = """\
    for path in {sources}; do
        if ! ls "$path"/*.py >/dev/null 2>&1; then
            rm -rf --one-file-system "$path/__pycache__"
        fi
    done
"""


def note(described: Described) -> Iterator[str]:
    """Note which data are there, before anything is unpacked or run that could make them."""
    manifest = described.manifest
    if _data(manifest):
        yield f"{_IS_OWN}{_NOTE}".format(**_names(manifest))


def forget(described: Described) -> Iterator[str]:
    """Forget what was noted for a version that did not come."""
    manifest = described.manifest
    if _data(manifest):
        yield f"{_IS_OWN}{_FORGET}".format(**_names(manifest))


def remove(described: Described) -> Iterator[str]:
    """On a purge, remove data, values of the machine, Python's caches.

    What is mounted there, a disk with whatever is on it, is let be; so is byte code beside
    sources that somebody else has put there. Directories of the package that are empty then, dpkg
    removes.
    """
    manifest = described.manifest
    if _is_alone(manifest):
        data, names = _data(manifest), _names(manifest)
        parts = ((_DATA, data), (_DEVICE, manifest.package.device), (_CACHES, names["sources"]))
        removed = "".join(part.format(**names) for part, needed in parts if needed)
        yield _PURGE.format(removed=removed, **names)


def _is_alone(manifest: Manifest) -> bool:
    """Whether nothing else can lie in the prefix."""
    return manifest.package.prefix.endswith(f"/{manifest.package.name}")


def _data(manifest: Manifest) -> tuple[str, ...]:
    return writable(*manifest) if _is_alone(manifest) else ()


def _sources(manifest: Manifest) -> list[str]:
    """The directories in which Python may have left byte code."""
    paths = (each.path for each in manifest.entries if is_source(each))
    above = {path.rpartition("/")[0] for path in paths}
    return [f"{manifest.package.prefix}/{path}".rstrip("/") for path in sorted(above)]


def _names(manifest: Manifest) -> dict[str, str]:
    package = manifest.package
    paths = {"reserved": RESERVED, "found": FOUND, "device": DEVICE}
    paths["configuration"] = DEVICE.rpartition("/")[0]
    named = {name: quote(f"{package.prefix}/{path}") for name, path in paths.items()}
    lists = {"data": _words(_data(manifest)), "sources": _words(_sources(manifest))}
    return {**named, **lists, "name": package.name, "prefix": quote(package.prefix)}


def _words(paths: Iterable[str]) -> str:
    return " ".join(map(quote, paths))
