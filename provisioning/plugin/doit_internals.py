"""Knows what doit was asked for, which it tells its loader of tasks and no task generator."""

from __future__ import annotations

import inspect
import os
import signal
import sys
from functools import partial, wraps
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from doit import doit_cmd
from doit.cmd_run import Run
from doit.cmdparse import CmdOption, TaskParse
from doit.exceptions import InvalidCommand, InvalidDodoFile, TaskFailed
from doit.loader import generate_tasks
from doit.runner import MRunner
from doit.task import DelayedLoader, Task

from provisioning.builder.plan.variant_plan import SourceTask, SourceTasks
from provisioning.builder.workspace import leftovers
from provisioning.errors import BuildError
from provisioning.plugin import ARTIFACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from multiprocessing.process import BaseProcess
    from types import FrameType


REBUILD = "--rebuild"
_HELP = "--help"


def given() -> dict[str, str]:
    """The `name=value` of the command line."""
    # doit tells them by name alone (doit.get_var), and a name that nobody knows must be told too.
    return doit_cmd._CMDLINE_VARS or {}  # noqa: SLF001


def runs() -> bool:
    """Whether tasks are to be run, and not listed, explained or forgotten."""
    command, _ = _asked()
    return command is None or isinstance(command, Run)


def verifies_alone() -> bool:
    """Whether it is to verify and nothing else, as in `doit verify:greenhouse`.

    Then nothing may be built: to rebuild a damaged artifact and find it good would prove nothing.
    """
    command, words = _asked()
    chosen = [word.split(":", maxsplit=1)[0] for word in words if word != REBUILD]
    return isinstance(command, Run) and set(chosen) == {"verify"}


def rebuilds() -> bool:
    """Whether verifying includes to build again and compare."""
    _, words = _asked()
    return REBUILD in words


def helped(stages: Collection[str]) -> str:
    """The one of `stages` behind which --help stands; "" where there is none."""
    stage = ""
    for word in words() if runs() else ():
        if word == _HELP and stage in stages:
            return stage
        if not word.startswith("-"):
            stage = word.partition(":")[0]
    return ""


def words() -> list[str]:
    """What stands behind the command, tasks and their options."""
    return _asked()[1]


def when_loaded(call: Callable[[Any], None]) -> bool:
    """Have `call` told doit's command once that has loaded all tasks, and before it uses one.

    False where it is no command of doit's that asks for tasks just now.
    """
    command, _ = _asked()
    if command is None:
        return False
    execute = inspect.unwrap(command._execute)  # noqa: SLF001 - as all commands of doit have it

    @wraps(execute)
    def execute_later(*args: Any, **options: Any) -> Any:
        call(command)
        return execute(*args, **options)

    # By the names of its parameters doit knows which options it takes.
    execute_later.__signature__ = inspect.signature(execute)  # type: ignore[attr-defined]
    command._execute = execute_later  # noqa: SLF001 - no hook of doit's is called for all commands
    return True


_answered: list[Any] = []


def demand_once() -> None:
    """Raise BuildError where one loading of tasks asks for all of them a second time.

    The second would replace the groups of the first, and with them what `doit` builds.
    """
    command, _ = _asked()
    if command is not None and command in _answered:
        raise BuildError("tasks() is called twice; hand all specs to one call: tasks(one, other)")
    _answered[:] = [command]


def _asked() -> tuple[Any, list[str]]:
    """The command and its words, from the loader that is calling the task generator just now."""
    frame = sys._getframe()  # noqa: SLF001 - sys.argv is another one where a program calls doit
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_code.co_name == "load_tasks" and "cmd" in frame.f_locals:
            return frame.f_locals["cmd"], frame.f_locals["pos_args"]
    return None, []


_file: list[str] = []  # the dodo.py of this process: doit hands its tasks on without it


def source_tasks_of(tasks: Iterable[Any]) -> SourceTasks:
    """What `tasks` make, and of what."""
    makers = (SourceTask(task.name, (*task.targets,), (*task.file_dep,)) for task in tasks)
    return SourceTasks("".join(_file), tuple(makers))


def begin_loading() -> None:
    """Note which dodo.py it is, while doit goes through its task generators."""
    loader = _loader()
    file = loader.f_locals["namespace"].get("__file__") if loader else None
    _file[:] = [os.path.relpath(file)] if file else []


def tasks_being_made() -> SourceTasks:
    """The others, asked for by one of the task generators while doit goes through them."""
    loader = _loader()
    if loader is None:
        return SourceTasks()
    return source_tasks_of([*loader.f_locals["task_list"], *_still_to_come(loader.f_locals)])


def _loader() -> FrameType | None:
    """Doit's function that goes through the task generators, one of which is calling."""
    frame = sys._getframe()  # noqa: SLF001 - doit tells no generator of the others
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_code.co_name == "load_tasks" and "task_list" in frame.f_locals:
            return frame
    return None


def _still_to_come(known: dict[str, Any]) -> Iterator[Any]:
    """The tasks of the generators behind the one that is calling, which doit will ask again."""
    behind = False
    for name, creator, _ in known["funcs"]:
        if behind and not hasattr(creator, "doit_create_after"):
            yield from _made_by(name, creator)
        behind = behind or creator == known["ref"]


def _made_by(name: str, creator: Any) -> list[Any]:
    options = [CmdOption(each) for each in getattr(creator, "_task_creator_params", ())]
    try:
        values = TaskParse(options).parse("")[0] if options else {}
        return list(generate_tasks(name, creator(**values), creator.__doc__))
    except Exception:  # noqa: BLE001 - it is the user's code; doit tells of it in a moment
        return []


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
            # guard: leftovers-of-workers
            leftovers.sweep_of(Path(ARTIFACTS), [each.pid for each in self._processes if each.pid])
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
        result_q.watch = self.demand_all  # guard: watch-workers
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


_FIRST = "_what specs are read from"  # doit shows no name that begins so
_FAULT = "_specs"


class Create(Protocol):
    """Creates the tasks that were waiting."""

    def __call__(self, *, is_stale: bool) -> Sequence[Any]:
        """`is_stale` tells whether anything was done meanwhile; raises InvalidDodoFile."""


def delay(command: Any, stages: Sequence[Any], first: Sequence[str], create: Create) -> None:
    """Have doit's `command` create the tasks `stages` once the tasks `first` are done.

    Until then each has a placeholder, of the same name, that leads to all of them.
    """
    loader = DelayedLoader(_Creator(command, stages, first, create), executed=_FIRST)
    loader.basename = stages[0].name  # of which doit asks whether they have been created
    waiting = [
        Task(each.name, None, loader=loader, doc=each.doc, params=each.params) for each in stages
    ]
    others = [task for task in command.task_list if task not in stages]
    command.task_list = [*others, Task(_FIRST, None, task_dep=first), *waiting]


class _Creator:
    """What doit calls to create the tasks."""

    def __init__(
        self, command: Any, stages: Sequence[Any], first: Sequence[str], create: Create
    ) -> None:
        self._command = command
        self._stages = stages
        self._first = first
        self._create = create

    def __call__(self) -> Iterator[Any]:
        tasks = self._command.control.tasks
        names = {stage.name.partition(":")[0] for stage in self._stages}
        try:
            is_stale = any(task.executed for task in _single(self._first, tasks))
            yield from self._create(is_stale=is_stale)
        except InvalidDodoFile as error:
            # To raise it would leave the workers of `doit -n` waiting for ever.
            yield Task(_FAULT, [partial(TaskFailed, str(error))])
            for name in [name for name in tasks if name.partition(":")[0] in names]:
                yield Task(name, None, task_dep=[_FAULT])

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Be sent to a worker as nothing: where Python does not fork, it gets all tasks."""
        return type(None), ()


def _single(names: Sequence[str], tasks: Any) -> Iterator[Any]:
    """The tasks of these names, those of groups in the place of the groups."""
    for name in names:
        if tasks[name].actions:
            yield tasks[name]
        else:
            yield from _single(tasks[name].task_dep, tasks)
