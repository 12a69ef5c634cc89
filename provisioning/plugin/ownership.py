"""Who owns the files in artifacts/: after a `sudo doit` it is root, and others cannot go on."""

from __future__ import annotations

import os
import pwd
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from doit.exceptions import InvalidDodoFile

from provisioning.builder.workspace import paths
from provisioning.builder.workspace.paths import ARTIFACTS

if TYPE_CHECKING:
    from collections.abc import Iterator


def demand_ours(artifacts: str) -> None:
    """Demand that no records of another are in the way. Raises InvalidDodoFile."""
    work = paths.database(artifacts).parent
    for path in (Path(artifacts), work, *_records(work)):  # guard: records-are-ours
        if (told := _told(path)) and not _is_ours(path, work):
            raise InvalidDodoFile(told)


def said(error: OSError, path: object = "") -> str:
    """What went wrong, and the way out where it did because something belongs to another."""
    name = str(error.filename or path)
    reason = f"{name}: " * bool(name) + (error.strerror or str(error))
    told = ""
    if isinstance(error, PermissionError) and Path(ARTIFACTS) in Path(name).parents:
        told = next(filter(None, map(_told, (Path(name), *Path(name).parents))), "")
    return f"{reason}; {told}" if told else reason


def _records(work: Path) -> Iterator[Path]:
    with suppress(OSError), os.scandir(work) as items:
        yield from (work / item.name for item in items if item.is_file(follow_symlinks=False))


def _is_ours(path: Path, work: Path) -> bool:
    """Whether it can be used: read, and written where anything can, as on a disk for reading."""
    needed = os.R_OK | (os.X_OK if path.is_dir() else os.W_OK if os.access(work, os.W_OK) else 0)
    return os.access(path, needed)


def _told(path: Path) -> str:
    """Tell whose something is, and how to have it; "" if it is one's own, or not there."""
    try:
        number = path.lstat().st_uid
    except OSError:
        return ""
    if number == os.geteuid():
        return ""
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    top = shlex.quote(os.path.abspath(ARTIFACTS))
    return f'{path} belongs to {name}; `sudo chown -R "$USER" {top}` gives it to you'
