"""Where the Pythons of a machine lie: for what starts a package's, and what asks for it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PLACES = (
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/Library/Frameworks/Python.framework/Versions/{version}/bin",
)
"""Looked into one after the other, before PATH: a service has none of a user's."""


def find(version: str) -> str:
    """The path of the Python of a version such as `3.11`; "" if this machine has none."""
    places = os.pathsep.join(place.format(version=version) for place in PLACES)
    path = f"{places}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return shutil.which(f"python{version}", path=path) or ""


def is_in(root: Path, version: str) -> bool:
    """Whether the machine that has this root, and may not be running, has a Python of a version."""
    of_linux = (place for place in PLACES if place.startswith("/usr/"))
    return any(os.path.lexists(root / place[1:] / f"python{version}") for place in of_linux)
