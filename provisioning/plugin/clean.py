"""What `doit clean` removes of a stage."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning.builder.workspace import leftovers
from provisioning.builder.workspace.output import remove_tree
from provisioning.plugin.ownership import said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.builder.workspace.paths import Workspace


failed: list[str] = []
"""What could not be removed: doit asks a clean action for no more than to be run."""


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
