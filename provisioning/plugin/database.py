"""doit's records of the project, and when a file that a task depends on has changed."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.dependency import FileChangedChecker

from provisioning.builder.collect.file_state import Digests, Signature, signature
from provisioning.builder.workspace import paths
from provisioning.builder.workspace.caches import Cache
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from provisioning.builder.collect.file_state import FileState


@cache
def digests_of(artifacts: str) -> Digests:
    """The digests that the checker and all stages of this process share."""
    return Digests(paths.digests(artifacts))


# Recorded for a file that changed while the task ran: no file holds this, so it runs again.
CHANGED_MEANWHILE = "changed while the task ran"


class Checker(FileChangedChecker):  # type: ignore[misc]  # doit has no type hints
    """Answers doit's question "has this file changed?" by the file's content.

    A state is text that says what a path holds (`digests.FileState.identity`), so a file that was
    touched or replaced by its equal has not changed, and one whose mtime was put back has. As for
    doit itself, a link stands for what it leads to.
    """

    CheckerError = OSError

    def __init__(self, digests: Digests) -> None:
        self._digests = digests
        self._seen: dict[str, Signature | None] = {}

    def look_before(self, file_path: str) -> None:
        """Record what a stage of this plugin is about to see, before its action runs.

        The first look of a run stands, since a task that runs in parallel may be between
        its own look and its end.
        """
        if file_path not in self._seen:
            self._seen[file_path] = _signature(file_path)

    def check_modified(self, file_path: str, file_stat: os.stat_result, state: str) -> bool:
        """Whether the file's content differs from that in `state`."""
        if not state:
            return False  # `SourcesUnchanged` decides
        del file_stat  # the digests look again, and keep what they see together
        try:
            return self._held(file_path).identity != state
        except (OSError, BuildError):
            return True  # the task's action says what is wrong, in its own words

    def get_state(self, dep: str, current_state: str | None) -> str | None:
        """What `dep` held when the task began, or that this is no longer known.

        For a file that no stage has looked at before, what it holds now: other tasks are recorded
        as doit does it, so they run when doit would run them. A task's own change to a dependency
        is no reason to run it again.
        """
        with suppress(BuildError):
            held = self._held(dep)
            # doit asks after the action, and would record an edit made meanwhile as built.
            if dep not in self._seen or _signature(dep) == self._seen.get(dep):  # guard: mid-task
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


BACKEND = "provisioning"
"""Its name among doit's databases."""

# The last that doit's `Dependency.save_success` sets of a task.
_LAST = "deps:"
_VALUES = "_values_:"
CONTENT = "provisioning: content"
"""The value that holds one digest of all files of a task."""


class Database:
    """A doit backend (doit.cmd_base, "BACKEND" plugins) that survives being killed at any time.

    What doit ships keeps all records in memory until it exits; here a task's record is on disk as
    soon as the task is done. A damaged file means that tasks run again, never an error.
    """

    desc = "SQLite, one row a task, written as each task is done"

    def __init__(self, name: str, codec: Any, *, module_name: str | None = None) -> None:
        del module_name  # for doit's dbm backends
        self.name = name
        self._codec = codec
        self._cache = Cache(Path(name), ("task", "record"))
        self._read_at: tuple[int, int, int] | None = None
        self._spelled: dict[str, Any] = {}  # all records, as they were on disk then
        self._records: dict[str, dict[str, Any]] = {}
        self._dirty: set[str] = set()

    def get(self, task_id: str, dependency: str) -> Any:
        """What was set, or None; "" for a file of the collect stage, which judges them together."""
        record = self._record(task_id)
        judged_together = CONTENT in record.get(_VALUES, {}) and not dependency.endswith(":")
        return record.get(dependency, "" if judged_together else None)

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Set one value of a task's record; the record is saved once it is whole."""
        self._record(task_id)[dependency] = value
        self._dirty.add(task_id)
        if dependency == _LAST:  # guard: record-at-once
            self._save()

    def in_(self, task_id: str) -> bool:
        """Whether there is a record of the task."""
        return bool(self._record(task_id))

    def remove(self, task_id: str) -> None:
        """Forget the task, for later processes, too."""
        self._records[task_id] = {}
        self._spelled.pop(task_id, None)
        self._dirty.discard(task_id)
        self._cache.remove([task_id])

    def remove_all(self) -> None:
        """Forget every task."""
        self._records.clear()
        self._spelled.clear()
        self._dirty.clear()
        self._cache.discard()

    @property
    def has_failed(self) -> bool:
        """Whether a record could not be written, which was reported."""
        return self._cache.has_failed

    def records(self) -> dict[str, dict[str, Any]]:
        """What is on disk of each task."""
        return {task: self._read(task) for task, _ in self._cache.rows()}

    def dump(self) -> None:
        """Save what is not saved yet."""
        self._save()

    def _record(self, task_id: str) -> dict[str, Any]:
        if task_id not in self._records:
            self._records[task_id] = self._read(task_id)
        return self._records[task_id]

    def _read(self, task_id: str) -> dict[str, Any]:
        try:
            spelled = self._spelling(task_id)
            record = self._codec.decode(spelled) if spelled else {}
        except (ValueError, TypeError):
            return {}
        return record if isinstance(record, dict) else {}  # guard: record-that-is-none

    def _spelling(self, task_id: str) -> Any:
        """A record as it is on disk now."""
        if self._read_at is None:
            # A build with nothing to do asks for every record: one query is cheaper than many.
            self._read_at = self._cache.state()
            self._spelled = dict(self._cache.rows())
        if self._cache.state() == self._read_at:
            return self._spelled.get(task_id)
        row = self._cache.row(task_id)
        return row[1] if row else None

    def _save(self) -> None:
        spelled = {task: self._codec.encode(self._records[task]) for task in self._dirty}
        self._dirty.clear()
        if new := {task: each for task, each in spelled.items() if not self._holds(task, each)}:
            self._cache.put(new.items())
            self._spelled.update(new)

    def _holds(self, task_id: str, spelled: str) -> bool:
        # doit finishes groups of tasks in every run, and one with nothing to do writes nothing.
        return self._spelled.get(task_id) == spelled and self._cache.state() == self._read_at
