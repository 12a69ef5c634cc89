"""Decides whether a file that a task depends on has changed: by its content alone."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from doit.dependency import FileChangedChecker

from provisioning.builder.collect.file_state import Digests, Signature, signature
from provisioning.builder.workspace import paths
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from provisioning.builder.collect.file_state import FileState


@cache
def digests_of(artifacts: str) -> Digests:
    """The one memory of digests that the checker and all stages of this process share."""
    return Digests(paths.digests(artifacts))


# Recorded for a file that changed while the task ran: no file holds this, so it runs again.
CHANGED_MEANWHILE = "changed while the task ran"


class Checker(FileChangedChecker):  # type: ignore[misc]  # doit has no type hints
    """doit's question "has this file changed?", answered by what the file holds.

    A state is text that says what a path holds (`digests.FileState.identity`), so a file that was
    touched or replaced by its equal has not changed, and one whose mtime was put back has. As for
    doit itself, a link stands for what it leads to.
    """

    CheckerError = OSError

    def __init__(self, digests: Digests) -> None:
        self._digests = digests
        self._seen: dict[str, Signature | None] = {}

    def look_before(self, file_path: str) -> None:
        """Remember what a stage of this plugin is about to see, before its action does.

        The first look of a run stands, since a task that runs in parallel may be between
        its own look and its end.
        """
        if file_path not in self._seen:
            self._seen[file_path] = _signature(file_path)

    def check_modified(self, file_path: str, file_stat: os.stat_result, state: str) -> bool:
        """Whether the file holds something else than it did at `state`."""
        if not state:
            return False  # it is `SourcesUnchanged` that tells
        del file_stat  # the digests look again, and keep what they see together
        try:
            return self._held(file_path).identity != state
        except (OSError, BuildError):
            return True  # the task's action says what is wrong, in its own words

    def get_state(self, dep: str, current_state: str | None) -> str | None:
        """What `dep` held when the task began, or that this cannot be told any more.

        Of a file that no stage has looked at before, what it holds now: a task of somebody else's
        is recorded as doit does it, for it runs when doit would run it. What it does itself to
        what it depends on is no reason to run it again.
        """
        with suppress(BuildError):
            held = self._held(dep)
            # doit asks after the action, and would record an edit made meanwhile as built.
            # guard: edited-while-the-task-ran
            if dep not in self._seen or _signature(dep) == self._seen.get(dep):
                return None if held.identity == current_state else held.identity
        return CHANGED_MEANWHILE

    def _held(self, path: str) -> FileState:
        # guard: link-stands-for-its-end
        return self._digests.look(os.path.realpath(path) if os.path.islink(path) else path)


def _signature(path: str) -> Signature | None:
    try:
        return signature(os.stat(path))
    except OSError:
        return None
