"""Knows the maintainer scripts of a Debian package: what dpkg runs as the package comes and goes.

When dpkg calls which, with which arguments, is told in Debian Policy 6. What they do for units is
what debhelper's dh_installsystemd makes scripts do, by deb-systemd-helper(1p). Each can be run
again, however far it came before.
"""

from __future__ import annotations

import json
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING, Any

from provisioning.artifact import device
from provisioning.artifact.bytecode import Beside
from provisioning.artifact.cache import has_sources, of_package
from provisioning.artifact.deb import hook, known, lent, purge, switch, units, user
from provisioning.artifact.installed import CURRENT, RELEASES
from provisioning.artifact.package import plain
from provisioning.artifact.path import DEVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provisioning.artifact.deb.described import Described

    Part = Callable[[Described], Iterator[str]]

_GUARD = """\
#!/bin/sh
set -e

# No path below would be one of that root.
if [ -n "${{DPKG_ROOT:-}}" ]; then
    echo "{name}: cannot be installed with --force-script-chrootless" >&2
    exit 1
fi
"""
_END = "END_OF_PYTHON"
_LEFT = """\
dpkg-query --listfiles {name} | sed -n 's,\\.py$,,p' |
    while IFS= read -r path; do
        cache=${{path%/*}}/__pycache__
        set -- "$path".pyc "$path".pyc.[0-9]*
        [ -L "$cache" ] || set -- "$@" "$cache/${{path##*/}}".*.pyc*
        for file; do
            [ ! -f "$file" ] || printf '%s\\0' "$file"
        done
    done | xargs -0 -r rm -f || true
dpkg-query --listfiles {name} | sed -n 's,/[^/]*\\.py$,/__pycache__,p' |
    while IFS= read -r path; do
        [ ! -d "$path" ] || [ -L "$path" ] || rmdir --ignore-fail-on-non-empty "$path" || true
    done
"""
_CONFIGURED = "configure | abort-upgrade | abort-deconfigure | abort-remove"


def scripts(described: Described) -> dict[str, str]:
    """The scripts that a package needs, by their names."""
    found = {name: [*_parts(name, described)] for name in _MADE_OF}
    guard = _GUARD.format(name=described.manifest.package.name)
    return {name: "\n".join((guard, *parts, "exit 0\n")) for name, parts in found.items() if parts}


def _parts(name: str, described: Described) -> Iterator[str]:
    for part in _MADE_OF[name]:
        yield from part(described)


def _own_place(described: Described) -> Iterator[str]:
    """Refuse to come where `provision` has installed: each would remove what is the other's.

    An installation of that kind asks the same of dpkg: see target/registry.py.
    """
    package = described.manifest.package
    current, releases = (quote(f"{package.prefix}/{name}") for name in (CURRENT, RELEASES))
    told = quote(
        f"{package.name}: {package.prefix}: is installed by provision;"
        f" run `provision uninstall {package.name}` first"
    )
    yield f"""\
if [ "$1" = install ] && [ -L {current} ] && [ -d {releases} ]; then
    printf '%s\\n' {told} >&2
    exit 1
fi
"""


def _values(described: Described) -> Iterator[str]:
    """Refuse to come where the machine lacks a value, before anything is changed.

    It asks what an installation without dpkg asks, by the same text: see artifact/device.py.
    """
    package = described.manifest.package
    if package.device:
        file = quote(f"{package.prefix}/{DEVICE}")
        asked = quote(json.dumps(plain(package)["device"], sort_keys=True))
        yield f"""\
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    python3 -I - {file} {asked} <<'{_END}'
{_source()}\
{_END}
fi
"""


def _source() -> str:
    loader: Any = device.__spec__.loader  # which may be that of a zip
    source: str = loader.get_source(device.__name__)
    return source


def _users(described: Described) -> Iterator[str]:
    """Make users before there are files that may be theirs: dpkg looks owners up by name."""
    for name in user.users(described.manifest.package):
        yield f"""\
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    if ! getent passwd {name} >/dev/null; then
        getent group {name} >/dev/null || addgroup --quiet --system {name}
        adduser --quiet --system --ingroup {name} --no-create-home --home /nonexistent {name}
    fi
fi
"""


def _dropped_units(described: Described) -> Iterator[str]:
    """Stop and forget what an older version ran and this one does not have any more."""
    package = described.manifest.package
    if units.has_systemd(package):
        kept = [f"            {quote(name)}) ;;\n" for name in units.names(package)]
        yield f"""\
if [ "$1" = upgrade ]; then
    for unit in $(dpkg-query --listfiles {package.name} 2>/dev/null |
        sed -n 's,^{units.DIRECTORY}/,,p'); do
        case "$unit" in
{"".join(kept)}\
            *)
                if [ -d /run/systemd/system ]; then
                    deb-systemd-invoke stop "$unit" >/dev/null || true
                fi
                deb-systemd-helper purge "$unit" >/dev/null || true
                ;;
        esac
    done
fi
"""


def _enabled_units(described: Described) -> Iterator[str]:
    for name in map(quote, units.names(described.manifest.package)):
        yield f"""\
case "$1" in {_CONFIGURED})
    deb-systemd-helper unmask {name} >/dev/null || true
    # Whoever has disabled it wants it to stay so.
    if deb-systemd-helper --quiet was-enabled {name}; then
        deb-systemd-helper enable {name} >/dev/null || true
    else
        deb-systemd-helper update-state {name} >/dev/null || true
    fi
    ;;
esac
"""


def _started_units(described: Described) -> Iterator[str]:
    if names := _quoted(described):
        yield known.STOPPED
        yield f"""\
case "$1" in {_CONFIGURED})
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload >/dev/null || true
        action=start
        [ -z "$2" ] || action=restart
        for unit in {names}; do
            if [ -z "$2" ] || ! was_stopped "$unit"; then
                deb-systemd-invoke "$action" "$unit" >/dev/null || true
            fi
        done
    fi
    ;;
esac
"""


def _stopped_units(described: Described) -> Iterator[str]:
    if names := _quoted(described):
        yield f"""\
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    deb-systemd-invoke stop {names} >/dev/null || true
fi
"""


def _reloaded_units(described: Described) -> Iterator[str]:
    if _quoted(described):
        yield """\
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
fi
"""


def _purged_units(described: Described) -> Iterator[str]:
    if names := _quoted(described):
        yield f"""\
if [ "$1" = purge ] && command -v deb-systemd-helper >/dev/null; then
    deb-systemd-helper purge {names} >/dev/null || true
fi
"""


def _left_byte_code(described: Described) -> Iterator[str]:
    """Remove what Python has left beside files that go, or are replaced: dpkg knows of none.

    A package that brings byte code itself has to look after it.
    """
    package, entries = described.manifest
    if has_sources(entries) and not Beside(entries).brings_its_own:
        yield _LEFT.format(name=package.name)


def _emptied_caches(described: Described) -> Iterator[str]:
    """Have no byte code of another version where services keep theirs."""
    yield from _without_caches(described, _CONFIGURED)


def _removed_caches(described: Described) -> Iterator[str]:
    yield from _without_caches(described, "remove | purge")


def _without_caches(described: Described, occasions: str) -> Iterator[str]:
    manifest = described.manifest
    if _quoted(described) and has_sources(manifest.entries):
        yield f"""\
case "$1" in {occasions}) rm -rf {quote(of_package(manifest.package))} ;; esac
"""


def _quoted(described: Described) -> str:
    return " ".join(map(quote, units.names(described.manifest.package)))


_MADE_OF: dict[str, tuple[Part, ...]] = {
    "preinst": (
        known.refuse,
        *(_own_place, _values, _users, user.reach, _dropped_units, purge.note),
        *(partial(hook.run, name="pre_install"), switch.begin),
    ),
    "postinst": (
        *(switch.finish, lent.give, partial(hook.run, name="post_install")),
        *(_enabled_units, _emptied_caches, _started_units),
    ),
    "prerm": (partial(hook.run, name="pre_remove"), _stopped_units, _left_byte_code),
    "postrm": (
        *(switch.undo, _reloaded_units, partial(hook.run, name="post_remove")),
        *(_removed_caches, _purged_units, purge.forget, purge.remove),
    ),
}
"""What each script does, in order."""
