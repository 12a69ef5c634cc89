"""Knows when a file that a task depends on has changed: by its content, and by nothing less."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from doit.dependency import FileChangedChecker

from provisioning.build.signature import Signature, signature
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from provisioning.build.digests import Digests

# Recorded for a file that changed while the task ran: no file holds this, so it runs again.
CHANGED_MEANWHILE = "changed while the task ran"


class Checker(FileChangedChecker):  # type: ignore[misc]  # doit has no type hints
    """doit's question "has this file changed?", answered by what the file holds.

    A state is text that says what a path holds (`digests.Held.identity`), so a file that was
    touched or replaced by its equal has not changed, and one whose mtime was put back has.
    """

    CheckerError = OSError

    def __init__(self, digests: Digests) -> None:
        self._digests = digests
        self._seen: dict[str, Signature] = {}

    def exists(self, file_path: str) -> bool:
        """Whether a target is there; whether it is intact is `Unchanged`'s matter."""
        return os.path.lexists(file_path)

    def info(self, file_path: str) -> os.stat_result:
        """lstat(2), remembered: what the task's action is about to see.

        The first look of a run stands, since a task that runs in parallel may be between
        its own look and its end.
        """
        status = os.lstat(file_path)
        self._seen.setdefault(file_path, signature(status))
        return status

    def check_modified(self, file_path: str, file_stat: os.stat_result, state: str) -> bool:
        """Whether the file holds something else than it did at `state`."""
        if not state:
            return False  # it is `SourcesUnchanged` that tells
        del file_stat  # the digests look again, and keep what they see together
        try:
            return self._digests.look(file_path).identity != state
        except (OSError, BuildError):
            return True  # the task's action says what is wrong, in its own words

    def get_state(self, dep: str, current_state: str | None) -> str | None:
        """What `dep` held when the task began, or that this cannot be told any more."""
        with suppress(BuildError):
            held = self._digests.look(dep)
            # doit asks after the action, and would record an edit made meanwhile as built.
            if signature(os.lstat(dep)) == self._seen.get(dep):
                return None if held.identity == current_state else held.identity
        return CHANGED_MEANWHILE
