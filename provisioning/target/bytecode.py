"""Knows what becomes of the byte code that Python leaves on a machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provisioning.artifact.bytecode import Beside
from provisioning.artifact.descent import Descent
from provisioning.artifact.entry import DIR
from provisioning.artifact.files import reason

if TYPE_CHECKING:
    from provisioning.target.home import Home
    from provisioning.target.releases import Release


def sweep(home: Home, release: Release) -> str:
    """Remove what Python has left in a release; why that cannot be, "" if nothing is left.

    Nobody has to mind: Python looks at the source, too, before it believes what it has left.
    """
    beside = Beside(release.layout.release)
    try:
        with home.directory.opened(release.path) as opened, Descent(opened) as root:
            for found in beside.below(root):
                parent, name = root.to(found.path)
                (os.rmdir if found.type == DIR else os.unlink)(name, dir_fd=parent)
    except OSError as error:
        return f"{home.path / release.path}: byte code could not be removed: {reason(error)}"
    return ""
