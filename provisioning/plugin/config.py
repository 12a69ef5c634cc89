"""What DOIT_CONFIG holds for the tasks of this plugin, and what doit prints while it runs."""

from __future__ import annotations

import sys
from functools import partial
from textwrap import indent
from typing import Any

from doit.exceptions import TaskFailed, UnmetDependency
from doit.reporter import ConsoleReporter

from provisioning.builder.workspace import paths
from provisioning.plugin import ownership
from provisioning.plugin.database import BACKEND, Checker, digests_of

PROVED = "provisioning: proved"
"""The key in a task's `meta` that names the artifact which it proves."""
ABSENT = "provisioning: absent"
"""The one that tells which optional contents have found nothing."""


class Reporter(ConsoleReporter):  # type: ignore[misc]  # doit has no type hints
    """doit's console reporter, with a fault as its text alone and a summary at the end."""

    desc = "console output of the provisioning plugin"

    def __init__(self, outstream: Any, options: dict[str, Any]) -> None:
        super().__init__(outstream, options)
        self._done = self._idle = self._failed = 0
        self._verified: list[str] = []
        self._absent: list[str] = []

    def write(self, text: str) -> None:
        """Write at once: progress should show in a pipe, too."""
        self.outstream.write(text)
        self.outstream.flush()

    def add_success(self, task: Any) -> None:
        """Count what was done, and keep in mind what was proved."""
        super().add_success(task)
        self._done += bool(task.actions)
        self._keep(task)
        if task.meta and PROVED in task.meta:
            self._verified += task.meta[PROVED]

    def skip_uptodate(self, task: Any) -> None:
        """Count what was up to date."""
        super().skip_uptodate(task)
        self._idle += 1
        self._keep(task)

    def add_failure(self, task: Any, fail: Any) -> None:
        """Report a fault once, as its text; a bug of this program or of doit as doit does."""
        if isinstance(fail, UnmetDependency):
            return  # what it needs has been reported
        self._failed += 1
        if isinstance(fail, TaskFailed):
            self.write(f"!! {task.name} failed\n{indent(fail.message.rstrip(), '   ')}\n")
        else:
            super().add_failure(task, fail)

    def complete_run(self) -> None:
        """Say what was proved, and in one line how the run went."""
        super().complete_run()
        for told in dict.fromkeys(self._absent):  # platforms share most of their contents
            self.write(f"note: {told}\n")
        for artifact in self._verified:
            self.write(f"verified {artifact}\n")
        self.write(self._summary() + "\n")

    def _keep(self, task: Any) -> None:
        """Keep in mind what is not there, and need not be."""
        self._absent += (task.meta or {}).get(ABSENT, ())

    def _summary(self) -> str:
        if sys.exc_info()[0]:  # doit calls this last, however the run has ended
            return f"Stopped; done: {_tasks(self._done)}."
        if self._failed:
            return f"Failed: {_tasks(self._failed)}; done: {_tasks(self._done)}."
        if not self._done:
            return f"Nothing to do: {_tasks(self._idle)} up to date."
        rest = f"; {_tasks(self._idle)} up to date" if self._idle else ""
        return f"Done: {_tasks(self._done)}{rest}."


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"


def doit_config() -> dict[str, Any]:
    """DOIT_CONFIG for the tasks of this plugin. Raises doit.exceptions.InvalidDodoFile."""
    ownership.demand_ours(paths.ARTIFACTS)  # guard: artifacts-are-ours
    return {
        "backend": BACKEND,
        "dep_file": str(paths.database(paths.ARTIFACTS)),
        "check_file_uptodate": partial(Checker, digests_of(paths.ARTIFACTS)),
        "reporter": Reporter,
        "default_tasks": ["package", "verify"],
        "continue": True,  # all faults at once: one package's do not hide another's
    }
