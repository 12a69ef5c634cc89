"""Knows how `doit -n` ends when a worker is killed: doit waits for what that one had to say."""

from __future__ import annotations

import signal
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any, NamedTuple

from doit.exceptions import InvalidCommand
from doit.runner import MRunner

from provisioning.build import stale
from provisioning.plugin import ARTIFACTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess

_PATIENCE = 0.5  # seconds without an answer, after which it is asked who is still there


class Workers(MRunner):  # type: ignore[misc]  # doit has no type hints
    """doit's runner in processes, which ends with the first of them that is killed.

    The others cannot go on without it. A worker that has nothing to do holds the lock of the
    queue in which tasks come, and they would wait for that for ever.
    """

    def __init__(self, *arguments: Any, **others: Any) -> None:
        super().__init__(*arguments, **others)
        self._processes: list[BaseProcess] = []
        self._unfinished: dict[str, None] = {}

    def run_tasks(self, task_dispatcher: Any) -> None:
        """Run them all; leave nothing half-made of workers that are ended."""
        try:
            super().run_tasks(task_dispatcher)
        except BaseException:
            for process in self._processes:
                process.kill()
                process.join()
            stale.sweep_of(Path(ARTIFACTS), [each.pid for each in self._processes if each.pid])
            raise

    def demand_all(self) -> None:
        """Raise InvalidCommand, which doit shows, if one has ended otherwise than it should."""
        for process in self._processes:
            if process.exitcode:
                left = f"; not finished: {', '.join(self._unfinished)}" if self._unfinished else ""
                told = f"a worker of `doit -n` {_end(process.exitcode)}{left}"
                raise InvalidCommand(f"{told}; `doit` goes on there")

    def Queue(self) -> _Queue:  # noqa: N802 - doit's name
        """One for answers, and one for tasks."""
        try:
            return _Queue(ctx=get_context())
        except OSError as error:  # semaphores are files in /dev/shm (sem_overview(7))
            why = f"processes cannot be made to work together: {error.strerror}"
            told = f"{why}; `doit -n {self.num_process} -P thread` takes threads"
            raise InvalidCommand(told) from error

    def get_next_job(self, completed: Any) -> Any:
        """What a worker is to do; keep in mind which task that is."""
        job = super().get_next_job(completed)
        if name := getattr(job, "name", ""):
            self._unfinished[name] = None
        return job

    def process_task_result(self, node: Any, base_fail: Any) -> None:
        """Take note of what came of a task."""
        del self._unfinished[node.task.name]
        super().process_task_result(node, base_fail)

    def _run_start_processes(self, job_q: _Queue, result_q: _Queue) -> list[_Worker]:
        self._processes = super()._run_start_processes(job_q, result_q)
        job_q.cancel_join_thread()  # whoever should take it may be no more
        result_q.watch = self.demand_all
        return [_Worker(each, self.demand_all) for each in self._processes]


class _Worker(NamedTuple):
    """A worker, as doit knows it: it is ended, or waited for."""

    process: BaseProcess
    demand_all: Callable[[], None]

    def terminate(self) -> None:
        """End it."""
        self.process.terminate()

    def join(self) -> None:
        """Wait until it has ended, as long as no other one was killed."""
        while self.process.exitcode is None:
            self.process.join(_PATIENCE)
            self.demand_all()


class _Queue(Queue):  # type: ignore[type-arg]  # where it is run, it takes none
    """A queue from which nothing is waited for in vain, where somebody keeps watch."""

    watch: Callable[[], None] | None = None

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - the library's way
        """What comes next; `watch` may raise where nothing does."""
        while self.watch:
            try:
                return super().get(timeout=_PATIENCE)
            except Empty:
                self.watch()
        return super().get(block, timeout)


def _end(code: int) -> str:
    if code > 0:
        return f"ended with exit status {code}"
    why = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
    return f"was killed by {signal.Signals(-code).name}{why}"
