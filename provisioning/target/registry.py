"""Knows which packages are installed on a machine: a link for each, by its name, to its prefix."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from provisioning.artifact.files import reason
from provisioning.errors import RefusedError
from provisioning.target.home import reached

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.target.home import Home

REGISTRY = "/var/lib/provisioning"


def prefix_of(root: Path, name: str) -> str:
    """Where a package is installed; "" if it is not."""
    try:
        with reached(root, REGISTRY) as directory:
            return _sound(directory.leads(name))
    except FileNotFoundError:
        return ""


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
    except (OSError, RefusedError) as error:
        # Who may write to the prefix may not be allowed to write there: the prefix does to find it.
        told = reason(error) if isinstance(error, OSError) else str(error)
        return f"{name}: not entered in {REGISTRY}, so that only {home.path} finds it: {told}"
    return ""


def _sound(prefix: str | None) -> str:
    """Where a link leads, if this tool can have made it; "" if somebody else has."""
    sound = os.path.normpath(f"/{(prefix or '').lstrip('/')}")
    return sound if prefix == sound else ""


def sweep(home: Home, name: str) -> None:
    """Remove what a run that was killed has left in registering a package."""
    with suppress(FileNotFoundError), reached(home.root, REGISTRY, name) as directory:
        directory.sweep("")


def strike(home: Home) -> None:
    """Have nothing registered any more as installed there."""
    for name, prefix in packages(home.root).items():
        if prefix == home.prefix:
            with reached(home.root, REGISTRY) as directory:
                directory.remove(name)
