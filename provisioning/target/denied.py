"""Knows whose it is what somebody may not read or change, and what to type to be allowed to."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact.path import shown
from provisioning.target.owners import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def way_out(error: PermissionError, command: Sequence[str]) -> str:
    """Say so of what has failed, to be added to that; "" where it is nobody else's."""
    if not error.filename:
        return ""
    path = Path(os.fsdecode(error.filename))
    for way in (path, *path.parents):
        try:
            owner = way.lstat().st_uid
        except OSError:  # it is not there, or in what this user may not look into
            continue
        return _told(way, owner, command)
    return ""


def _told(way: Path, owner: int, command: Sequence[str]) -> str:
    if os.geteuid() in {0, owner}:
        return ""
    name = name_of(owner)
    who = [] if owner == 0 else ["-u", name]
    typed = shlex.join(["sudo", *who, *command])
    return f"; {shown(str(way))} belongs to {name}: run `{typed}`"
