"""Knows how a tree is removed, whatever it holds."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from provisioning.artifact.descent import Descent
from provisioning.artifact.team import Team

if TYPE_CHECKING:
    from pathlib import Path


def remove_tree(directory: Path) -> None:
    """Remove what there may be, and follow no link. The modes of directories may forbid it."""
    if not os.path.lexists(directory):
        return  # on a disk that cannot be written, unlink(2) would fail even so
    if directory.is_symlink() or not directory.is_dir():
        directory.unlink(missing_ok=True)
        return
    below = [""]
    for parent, names, _ in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
                below.append(path[len(str(directory)) + 1 :])
    with Descent(directory) as root, Team(lambda at: _empty(root, below[at]), len(below)) as team:
        team.agrees()  # where it does not, the next line tells why, or does the work
    shutil.rmtree(directory)


def _empty(root: Descent, path: str) -> bool:
    descriptor = root.directory(path)
    try:
        with os.scandir(descriptor) as items:
            for item in items:
                if not item.is_dir(follow_symlinks=False):
                    os.unlink(item.name, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    return True
