"""Knows how the maintainer scripts of a Debian package run its hooks."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from provisioning.artifact.cache import VARIABLE, has_sources
from provisioning.artifact.deb.described import POST_REMOVE, PRE_INSTALL
from provisioning.artifact.path import HOOKS
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.deb.described import Described
    from provisioning.artifact.package import Package

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PATIENCE = 10  # seconds from SIGTERM to SIGKILL, for a hook that is late
_END = "END_OF_HOOK"
_OCCASIONS = {  # with which argument dpkg calls the script that runs it
    "pre_install": '[ "$1" = install ] || [ "$1" = upgrade ]',
    "post_install": '[ "$1" = configure ]',
    "pre_remove": '[ "$1" = remove ]',
    "post_remove": '[ "$1" = remove ]',
}
_TEMPORARY = ("    hook= cache=", '    trap \'rm -rf "$hook" "$cache"\' EXIT')
# Then the files of the package are not there yet, or not any more: the script has the hook in it.
_WITHIN = {"pre_install": PRE_INSTALL, "post_remove": POST_REMOVE}


def run(described: Described, name: str) -> Iterator[str]:
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
        environment.append((VARIABLE, '"$cache"'))
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
    end, lines = _END, {*text.splitlines()}
    while end in lines:
        end += "_"
    yield "    hook=$(mktemp)"
    yield f"    cat >\"$hook\" <<'{end}'"
    yield text.removesuffix("\n")
    yield end
    yield '    chmod 700 "$hook"'


def _text(described: Described, path: str) -> str:
    try:
        text = described.texts[path].decode()
    except KeyError:
        raise ArtifactError(f"{path}: is missing") from None
    except ValueError:
        text = "\0"
    if "\0" in text:
        raise ArtifactError(f"{path}: is not text in UTF-8, as a deb needs it to be")
    return text


def _action(name: str) -> Iterator[str]:
    if name.endswith("_install"):
        yield "    action=install"
        yield '    [ -z "$2" ] || action=upgrade'


def _environment(package: Package, name: str) -> Iterator[tuple[str, str]]:
    installs = name.endswith("_install")
    yield "PROVISIONING_NAME", quote(package.name)
    yield "PROVISIONING_VERSION", quote(package.version)
    yield "PROVISIONING_PLATFORM", quote(package.platform)
    yield "PROVISIONING_PREFIX", quote(package.prefix)
    yield "PROVISIONING_RELEASE", quote(package.prefix)
    yield "PROVISIONING_OLD_VERSION", '"$2"' if installs else quote(package.version)
    yield "PROVISIONING_ACTION", '"$action"' if installs else "remove"
    yield "PATH", _PATH
    yield "LC_ALL", "C.UTF-8"
