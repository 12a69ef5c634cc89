"""Makes the scripts of a Debian package: preinst, postinst, prerm and postrm.

`_MADE_OF` at the end lists the parts of each script in the order in which they run.
"""

from __future__ import annotations

import json
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING, Any

from provisioning.artifact import bytecode
from provisioning.artifact.bytecode import (
    FORMER_CACHES,
    VARIABLE,
    Beside,
    compiled,
    has_sources,
    is_source,
)
from provisioning.artifact.deb.control import (
    POST_REMOVE,
    PRE_INSTALL,
    UNITS,
    has_systemd,
    unit_names,
)
from provisioning.artifact.model import device
from provisioning.artifact.model.entry import DEVICE, HOOKS, LENT, RESERVED, carried
from provisioning.artifact.model.package import plain
from provisioning.artifact.model.placement import CURRENT, RELEASES
from provisioning.artifact.model.service import groups_of
from provisioning.artifact.service_files import writable
from provisioning.builder.archive.debian import conffiles
from provisioning.builder.archive.debian.fields import groups, runners, users
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package
    from provisioning.builder.archive.debian.extras import DebSource

    Part = Callable[[DebSource], Iterator[str]]


def give(described: DebSource) -> Iterator[str]:
    """Set setuid and setgid, which the data member does not have, once the owner exists.

    An administrator's dpkg-statoverride(1) comes first, as Debian Policy 10.9 has it.
    """
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
"""  # guard: deb-alias-of-a-unit
STOPPED = """\
# Whether somebody has stopped a unit: it has left its state before its process has ended.
was_stopped() {
    systemctl is-active --quiet "$1" && return 1
    left=$(systemctl show --property=ActiveExitTimestampMonotonic --value "$1")
    ended=$(systemctl show --property=ExecMainExitTimestampMonotonic --value "$1")
    [ "${left:-0}" -gt 0 ] && [ "${left:-0}" -lt "${ended:-0}" ]
}
"""


def refuse(described: DebSource) -> Iterator[str]:
    """Refuse the installation if another's unit has the same name, before anything is changed.

    The package's own unit may have been copied to `_COPIES`, or masked there.
    """
    package = described.manifest.package
    if names := " ".join(map(quote, unit_names(package))):
        yield _ALIAS
        yield f"""\
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    for unit in {names}; do
        if dpkg-query --listfiles {package.name} 2>/dev/null |
            grep -qxF "{UNITS}/$unit"; then
            continue
        fi
        for place in {" ".join(_PLACES)}; do
            path=$(alias_in "$place" "$unit")
            if [ -n "$path" ]; then
                echo "{package.name}: $path: does not belong to {package.name}, and also gets" \\
                    "the name $unit when enabled (Alias=); rename the service" >&2
                exit 1
            fi
            path=$place/$unit
            if [ "$1$place" = "install{_COPIES}" ] && [ -n "$2" ]; then
                continue
            elif [ "$(readlink "$path")" = /dev/null ]; then
                continue
            elif [ -s "$path" ] || [ -L "$path" ]; then
                echo "{package.name}: $path: does not belong to {package.name}; remove it," \\
                    "or rename the service" >&2
                exit 1
            fi
        done
    done
fi
"""


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PATIENCE = 10  # seconds from SIGTERM to SIGKILL, for a hook that is late
_END_OF_HOOK = "END_OF_HOOK"
_OCCASIONS = {  # with which argument dpkg calls the script that runs it
    "pre_install": '[ "$1" = install ] || [ "$1" = upgrade ]',
    "post_install": '[ "$1" = configure ]',
    "pre_remove": '[ "$1" = remove ]',
    "post_remove": '[ "$1" = remove ]',
}
_TEMPORARY = ("    hook= cache=", '    trap \'rm -rf "$hook" "$cache"\' EXIT')
# Then the files of the package are not there yet, or not any more: the script has the hook in it.
_WITHIN = {"pre_install": PRE_INSTALL, "post_remove": POST_REMOVE}


def run(described: DebSource, name: str) -> Iterator[str]:
    """Run the hook of this name, if the package has one."""
    package = described.manifest.package
    hook = next((each for each in package.hooks if each.name == name), None)
    if hook is None:
        return
    prefix = quote(package.prefix)
    place, script = prefix, quote(f"{package.prefix}/{HOOKS}/{name}")
    lines = [f"if {_OCCASIONS[name]}; then", *_TEMPORARY]
    environment = [*_environment(package, name)]
    if has_sources(described.manifest.entries):
        lines.append("    cache=$(mktemp -d)")
        environment.append((VARIABLE, '"$cache"'))  # guard: deb-byte-code-of-a-hook
    if name in _WITHIN:
        lines += _written(_text(described, _WITHIN[name]))
        place, script = "/", '"$hook"'
    lines += [
        *_action(name),
        f"    cd {place}",
        "    env -i \\",
        *(f"        {variable}={value} \\" for variable, value in environment),
        f"        timeout --kill-after={_PATIENCE} {hook.timeout} {script} </dev/null",
        "fi",
    ]
    yield "".join(f"{line}\n" for line in lines)


def _written(text: str) -> Iterator[str]:
    end, lines = _END_OF_HOOK, {*text.splitlines()}
    while end in lines:
        end += "_"
    yield "    hook=$(mktemp)"
    yield f"    cat >\"$hook\" <<'{end}'"
    yield text.removesuffix("\n")
    yield end
    yield '    chmod 700 "$hook"'


def _text(described: DebSource, path: str) -> str:
    try:
        text = described.texts[path].decode()
    except KeyError:
        raise ArtifactError(f"{path}: is missing") from None
    except ValueError:
        text = "\0"
    if "\0" in text:
        raise ArtifactError(f"{path}: is not UTF-8 text, as a deb requires")
    return text


def _action(name: str) -> Iterator[str]:
    if name.endswith("_install"):
        yield "    action=install"
        yield '    [ -z "$2" ] || action=upgrade'


def _environment(package: Package, name: str) -> Iterator[tuple[str, str]]:
    installs = name.endswith("_install")
    # dpkg says a revision of Debian's too, and a version of ours has no hyphen.
    yield "PROVISIONING_NAME", quote(package.name)
    yield "PROVISIONING_VERSION", quote(package.version)
    yield "PROVISIONING_PLATFORM", quote(package.platform)
    yield "PROVISIONING_PREFIX", quote(package.prefix)
    yield "PROVISIONING_RELEASE", quote(package.prefix)
    yield "PROVISIONING_OLD_VERSION", '"${2%%-*}"' if installs else quote(package.version)
    yield "PROVISIONING_ACTION", '"$action"' if installs else "remove"
    yield "PATH", _PATH
    yield "LC_ALL", "C.UTF-8"


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
"""  # guard: deb-data-of-others
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
"""  # guard: deb-forget-data
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
            echo "{name}: $path: is a mount point; unmount it, and purge again" >&2
            exit 1
        fi
        rm -rf --one-file-system "$path"
    done
"""  # guard: deb-purge-data
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


def note(described: DebSource) -> Iterator[str]:
    """Note which directories of data exist, before anything could make them."""
    manifest = described.manifest
    if _data(manifest):
        yield f"{_IS_OWN}{_NOTE}".format(**_names(manifest))


def forget(described: DebSource) -> Iterator[str]:
    """Forget what was noted for a version that was not installed."""
    manifest = described.manifest
    if _data(manifest):
        yield f"{_IS_OWN}{_FORGET}".format(**_names(manifest))


def remove(described: DebSource) -> Iterator[str]:
    """On a purge, remove data, values of the machine, Python's caches.

    Whatever is mounted there stays, and so does byte code of sources that somebody else has put
    there. dpkg removes directories of the package that are then empty.
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


_GUARD = """\
#!/bin/sh
set -e

# No path below would be one of that root.
if [ -n "${{DPKG_ROOT:-}}" ]; then
    echo "{name}: cannot be installed with --force-script-chrootless" >&2
    exit 1
fi
"""
_END_OF_PYTHON = "END_OF_PYTHON"
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
"""  # guard: deb-byte-code-swept
_COMPILED = """\
case "$1" in {configured})
    if command -v {python} >/dev/null; then
        dpkg-query --listfiles {name} 2>/dev/null | grep '\\.py$' |
            timeout 600 {python} -I -S -W ignore - '' '' '' 3 3<&0 >/dev/null 2>&1 <<'{end}' || true
{program}\
{end}
    fi
    ;;
esac
"""  # guard: deb-compiled
_CONFIGURED = "configure | abort-upgrade | abort-deconfigure | abort-remove"


def scripts(described: DebSource) -> dict[str, str]:
    """The scripts that a package needs, by their names."""
    found = {name: [*_parts(name, described)] for name in _MADE_OF}
    guard = _GUARD.format(name=described.manifest.package.name)
    return {name: "\n".join((guard, *parts, "exit 0\n")) for name, parts in found.items() if parts}


def _parts(name: str, described: DebSource) -> Iterator[str]:
    for part in _MADE_OF[name]:
        yield from part(described)


def _own_place(described: DebSource) -> Iterator[str]:
    """Refuse the installation where `provision` has installed: each would remove the other's files.

    `provision` does the same where dpkg has installed: see installer/store/releases.py.
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


def _values(described: DebSource) -> Iterator[str]:
    """Refuse the installation if a device value is missing, before anything is changed.

    This runs the same code as an installation without dpkg: see artifact/model/device.py.
    """
    package = described.manifest.package
    if package.device:
        file = quote(f"{package.prefix}/{DEVICE}")
        asked = quote(json.dumps(plain(package)["device"], sort_keys=True))
        yield f"""\
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    python3 -I - {file} {asked} <<'{_END_OF_PYTHON}'
{_source()}\
{_END_OF_PYTHON}
fi
"""


def _source() -> str:
    loader: Any = device.__spec__.loader  # which may be that of a zip
    source: str = loader.get_source(device.__name__)
    return source


def _reach(described: DebSource) -> Iterator[str]:
    """Refuse the installation if a service's user cannot enter a directory above the package.

    An installation without dpkg does the same: see installer/services/lifecycle.py.
    """
    package = described.manifest.package
    names = package.prefix[1:].split("/")
    ways = (quote("/" + "/".join(names[:count])) for count in range(1, len(names) + 1))
    if found := " ".join(runners(package)):
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
"""  # guard: deb-closed-way


def _groups(described: DebSource) -> Iterator[str]:
    """Refuse the installation if a group of a service is missing: systemd would not start it.

    An installation without dpkg does the same: see installer/services/users.py.
    """
    package = described.manifest.package
    if found := " ".join(groups(package)):
        yield f"""\
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    absent=
    for group in {found}; do
        if ! getent group "$group" >/dev/null; then
            echo "{package.name}: there is no group $group on this machine; create it first" >&2
            absent=$group
        fi
    done
    [ -z "$absent" ] || exit 1
fi
"""  # guard: deb-group-that-is-not-there


def _users(described: DebSource) -> Iterator[str]:
    """Create users before files are unpacked: dpkg looks owners up by name."""
    package = described.manifest.package
    for name in users(package):
        others = (each for each in groups_of(package.services, name) if not each.isdigit())
        joins = "".join(f"        adduser --quiet {name} {each}\n" for each in others)
        yield f"""\
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    if ! getent passwd {name} >/dev/null; then
        getent group {name} >/dev/null || addgroup --quiet --system {name}
        adduser --quiet --system --ingroup {name} --no-create-home --home /nonexistent {name}
{joins}\
    fi
fi
"""


def _dropped_units(described: DebSource) -> Iterator[str]:
    """Stop and forget units of an older version that this one does not have."""
    package = described.manifest.package
    if has_systemd(package):
        kept = [f"            {quote(name)}) ;;\n" for name in unit_names(package)]
        yield f"""\
if [ "$1" = upgrade ]; then
    for unit in $(dpkg-query --listfiles {package.name} 2>/dev/null |
        sed -n 's,^{UNITS}/,,p'); do
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


def _enabled_units(described: DebSource) -> Iterator[str]:
    for name in map(quote, unit_names(described.manifest.package)):
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


def _started_units(described: DebSource) -> Iterator[str]:
    if names := _quoted(described):
        yield STOPPED
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


def _stopped_units(described: DebSource) -> Iterator[str]:
    if names := _quoted(described):
        yield f"""\
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    deb-systemd-invoke stop {names} >/dev/null || true
fi
"""


def _reloaded_units(described: DebSource) -> Iterator[str]:
    if _quoted(described):
        yield """\
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
fi
"""


def _purged_units(described: DebSource) -> Iterator[str]:
    if names := _quoted(described):
        yield f"""\
if [ "$1" = purge ] && command -v deb-systemd-helper >/dev/null; then
    deb-systemd-helper purge {names} >/dev/null || true
fi
"""


def _left_byte_code(described: DebSource) -> Iterator[str]:
    """Remove byte code of files that are removed or replaced: dpkg does not know it.

    A package that contains byte code must remove it itself.
    """
    package, entries = described.manifest
    if has_sources(entries) and not Beside(entries).brings_its_own:
        yield _LEFT.format(name=package.name)


def _compiled(described: DebSource) -> Iterator[str]:
    """Compile the sources before services start; what prevents that prevents nothing else.

    An installation without dpkg does the same: see installer/services/bytecode_cache.py.
    """
    package, entries = described.manifest
    if compiled(entries) and not Beside(entries).brings_its_own:
        yield _COMPILED.format(
            configured=_CONFIGURED,
            name=package.name,
            python=f"python{package.python or 3}",
            end=_END_OF_PYTHON,
            program=bytecode.program(),
        )


def _former_caches(described: DebSource) -> Iterator[str]:
    """Remove byte code that services of a version have left which an older tool made."""
    manifest = described.manifest
    if _quoted(described) and has_sources(manifest.entries):
        yield f"""\
case "$1" in {_CONFIGURED})
    rm -rf {quote(f"{FORMER_CACHES}/{manifest.package.name}")}
    ;;
esac
"""


def _quoted(described: DebSource) -> str:
    return " ".join(map(quote, unit_names(described.manifest.package)))


_MADE_OF: dict[str, tuple[Part, ...]] = {
    "preinst": (
        refuse,
        *(
            _own_place,
            _values,
            _groups,
            _users,
            _reach,
            _dropped_units,
            note,
        ),  # guard: place-of-provision
        *(partial(run, name="pre_install"), conffiles.begin),
    ),
    "postinst": (
        *(conffiles.finish, give, partial(run, name="post_install")),
        *(_enabled_units, _former_caches, _compiled, _started_units),
    ),
    "prerm": (partial(run, name="pre_remove"), _stopped_units, _left_byte_code),
    "postrm": (
        *(conffiles.undo, _reloaded_units, partial(run, name="post_remove")),
        *(_purged_units, forget, remove),
    ),
}
"""What each script does, in order."""
