"""Knows which packages are installed on a machine: a link for each, by its name, to its prefix.

Of a package that was removed, and has left configuration or data, the link lies in a directory
beside those of the others.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from provisioning.artifact.files import reason
from provisioning.errors import RefusedError
from provisioning.place import REGISTRY
from provisioning.target.durable import Owned
from provisioning.target.home import reached

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.target.durable import Directory
    from provisioning.target.home import Home

_REMOVED = ".removed"  # no package is called so
_DPKG = "/var/lib/dpkg/info"  # where dpkg lists what it has unpacked: see dpkg-query(1)


def prefix_of(root: Path, name: str) -> str:
    """Where a package is installed; "" if it is not."""
    try:
        with reached(root, REGISTRY) as directory:
            return _sound(directory.leads(name))
    except FileNotFoundError:
        return ""


def left_at(root: Path, name: str) -> str:
    """Where a package was removed that has left something there; "" if none has."""
    return prefix_of(root, f"{_REMOVED}/{name}")


def packages(root: Path) -> dict[str, str]:
    """The names of all packages that are installed, and where."""
    try:
        with reached(root, REGISTRY) as directory:
            found = {name: _sound(directory.leads(name)) for name in directory.names("")}
    except FileNotFoundError:
        return {}
    return {name: prefix for name, prefix in found.items() if prefix}


def enter(home: Home, name: str) -> str:
    """Have a package registered; tell why it could not be."""
    if prefix_of(home.root, name) == home.prefix:
        return ""
    try:
        with reached(home.root, REGISTRY, name, make=True) as directory:
            directory.link(name, home.prefix)
            _forget(directory, home.prefix)
    except (OSError, RefusedError) as error:
        # Who may write to the prefix may not be allowed to write there: the prefix does to find it.
        return (
            f"{name}: not entered in {REGISTRY}, so that only {home.path} finds it: {_why(error)}"
        )
    return ""


def _sound(prefix: str | None) -> str:
    """Where a link leads, if this tool can have made it; "" if somebody else has."""
    sound = os.path.normpath(f"/{(prefix or '').lstrip('/')}")
    return sound if prefix == sound else ""


def sweep(home: Home, name: str) -> None:
    """Remove what a run that was killed has left in registering a package."""
    with suppress(FileNotFoundError), reached(home.root, REGISTRY, name) as directory:
        for place in ("", _REMOVED):
            directory.sweep(place)


def strike(home: Home) -> str:
    """Have nothing registered as installed there, but as having left something; tell why not."""
    for name, prefix in packages(home.root).items():
        if prefix == home.prefix:
            try:
                with reached(home.root, REGISTRY, name) as directory:
                    directory.make(_REMOVED, Owned(0o755))
                    directory.link(f"{_REMOVED}/{name}", prefix)
                    directory.remove(name)
            except (OSError, RefusedError) as error:  # as of `enter`
                return f"{name}: stays entered in {REGISTRY}: {_why(error)}"
    return ""


def is_of_dpkg(home: Home, name: str) -> bool:
    """Tell whether dpkg has a package of that name in the prefix, or its configuration at least."""
    try:
        with reached(home.root, _DPKG) as directory:
            listed = directory.read(f"{name}.list") or b""
    except (FileNotFoundError, RefusedError):
        return False
    return home.prefix.encode() in listed.splitlines()


def forget(root: Path, prefix: str) -> bool:
    """Forget all that is known of a prefix where nothing is any more; tell whether anything was."""
    with suppress(OSError, RefusedError), reached(root, REGISTRY) as directory:
        found = [name for name in directory.names("") if directory.leads(name) == prefix]
        for name in found:
            directory.remove(name)
        return _forget(directory, prefix) or bool(found)
    return False


def _forget(directory: Directory, prefix: str) -> bool:
    """Forget that a package has left something in a prefix."""
    names = directory.names(_REMOVED)
    found = [name for name in names if directory.leads(f"{_REMOVED}/{name}") == prefix]
    for name in found:
        directory.remove(f"{_REMOVED}/{name}")
    if found == names:
        directory.remove(_REMOVED)
    return bool(found)


def _why(error: OSError | RefusedError) -> str:
    return reason(error) if isinstance(error, OSError) else str(error)
