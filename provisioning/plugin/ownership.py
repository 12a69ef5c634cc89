"""Who owns the files in artifacts/, and what `doit clean` removes of them."""

from __future__ import annotations

import os
import pwd
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidDodoFile

from provisioning.builder.workspace import leftovers, paths
from provisioning.builder.workspace.output import remove_tree
from provisioning.builder.workspace.paths import ARTIFACTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provisioning.builder.workspace.paths import Workspace


def demand_ours(artifacts: str) -> None:
    """Check that no records of another user are in the way. Raises InvalidDodoFile."""
    work = paths.database(artifacts).parent
    for path in (Path(artifacts), work, *_records(work)):  # guard: records-are-ours
        if (told := _told(path)) and not _is_ours(path, work):
            raise InvalidDodoFile(told)


def said(error: OSError, path: object = "") -> str:
    """What went wrong, and the way out if something belongs to another user."""
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
    """Whether it can be used: read, and written unless the disk is read-only."""
    needed = os.R_OK | (os.X_OK if path.is_dir() else os.W_OK if os.access(work, os.W_OK) else 0)
    return os.access(path, needed)


def _told(path: Path) -> str:
    """Say who owns something, and how to take it back; "" if it is one's own, or missing."""
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


failed: list[str] = []
"""What could not be removed: doit ignores what a clean action returns."""


def clean(task: Any, place: Workspace, leaves: Sequence[str], dryrun: bool) -> None:  # noqa: FBT001 - doit's name
    """Remove what else a stage `leaves`, its targets, and the directories that this empties.

    doit itself leaves a directory that is not empty, and shows a fault as a traceback.
    """
    for path in (*leaves, *sorted(task.targets, reverse=True)):
        if os.path.lexists(path):
            what = "dir" if os.path.isdir(path) else "file"
            print(f"{task.name} - removing {what} '{path}'")
            if not dryrun:
                _remove(path)
    if not dryrun:
        leftovers.sweep_own(place)
        for directory in (place.release, place.work):
            _remove_empty(directory)


def _remove(path: str) -> None:
    try:
        remove_tree(Path(path))
    except OSError as error:
        failed.append(path)  # guard: could-not-be-removed
        # While doit cleans, sys.stderr is its own, and is shown to nobody.
        print(f"ERROR: {said(error, path)}", file=sys.__stderr__)


def _remove_empty(directory: Path) -> None:
    if not directory.is_symlink():
        for parent, _, _ in os.walk(directory, topdown=False):
            with suppress(OSError):  # it is not empty
                os.rmdir(parent)
