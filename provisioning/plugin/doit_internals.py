"""All that leans on the inside of doit: its frames, private names and classes.

doit has no hook for what is done here. tests/plugin/test_doit_internals.py says of each part what
it relies on, and what to do when doit changes.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from queue import Empty
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from doit import cmd_run, doit_cmd
from doit.cmd_base import check_tasks_exist
from doit.cmd_clean import Clean
from doit.cmd_forget import Forget
from doit.cmd_help import Help
from doit.cmd_ignore import Ignore
from doit.cmd_info import Info
from doit.cmd_resetdep import ResetDep
from doit.cmd_run import Run
from doit.cmdparse import CmdOption, TaskParse
from doit.exceptions import InvalidCommand, InvalidDodoFile, TaskFailed
from doit.loader import generate_tasks
from doit.runner import MRunner
from doit.task import DelayedLoader, Task

from provisioning import console
from provisioning.builder.plan.variant_plan import SourceTask, SourceTasks
from provisioning.builder.workspace import leftovers
from provisioning.builder.workspace.paths import ARTIFACTS
from provisioning.console import printable
from provisioning.errors import BuildError
from provisioning.plugin import ownership, process

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from multiprocessing.process import BaseProcess
    from types import FrameType
    from typing import TextIO

REBUILD, OFFLINE = "--rebuild", "--offline"
_HELP = "--help"


def given() -> dict[str, str]:
    """The `name=value` of the command line."""
    # doit gives them by name alone (doit.get_var), but unknown names must be reported, too.
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
    ours = {REBUILD, OFFLINE}
    chosen = [word.split(":", maxsplit=1)[0] for word in words if word not in ours]
    return isinstance(command, Run) and set(chosen) == {"verify"}


def rebuilds() -> bool:
    """Whether verifying includes building again and comparing."""
    _, words = _asked()
    return REBUILD in words


def stays_offline() -> bool:
    """Whether nothing may be downloaded."""
    _, words = _asked()
    return OFFLINE in words


def helped(stages: Collection[str]) -> str:
    """The one of `stages` that --help follows; "" if there is none."""
    stage = ""
    for word in words() if runs() else ():
        if word == _HELP and stage in stages:
            return stage
        if not word.startswith("-"):
            stage = word.partition(":")[0]
    return ""


def words() -> list[str]:
    """What follows the command: tasks and their options."""
    return _asked()[1]


def when_stopped() -> str:
    """What to say, besides the signal's name, if a signal stops the command."""
    return "; nothing is left half-made; run `doit` again to continue" if runs() else ""


def when_loaded(call: Callable[[Any], None], end: Callable[[], None]) -> bool:
    """Have `call` called with doit's command once that has loaded all tasks, before it uses one.

    The command is then carried out in a process prepared for it; `end` is called at its end. False
    if it is not a command of doit that asks for tasks now.
    """
    command, words = _asked()
    if command is None:
        return False
    execute = inspect.unwrap(command._execute)  # noqa: SLF001 - as all commands of doit have it
    further = when_stopped()

    @wraps(execute)
    def execute_later(*args: Any, **options: Any) -> Any:
        with process.prepared(further), in_words():
            try:
                call(command)
                if isinstance(command, Info):
                    check_tasks_exist({task.name: task for task in command.task_list}, words)
                status = _carried_out(command, partial(execute, *args), options)
            finally:
                end()
            if isinstance(command, Help) and not status:
                _demand_no_former(words[0])
            return status

    # By the names of its parameters doit knows which options it takes.
    execute_later.__signature__ = inspect.signature(execute)  # type: ignore[attr-defined]
    command._execute = execute_later  # noqa: SLF001 - no hook of doit's is called for all commands
    return True


GOOD, FAILED, FAULTS = 0, 1, 3
"""doit's exit codes; the last is for errors before a task runs."""
_RECORDING = (Forget, Ignore, ResetDep)


def _carried_out(command: Any, execute: Callable[..., Any], options: dict[str, Any]) -> int:
    """Do what a command of doit's does; return its exit code, also where doit has none."""
    command.outstream = sys.stdout  # which it has taken before the process was prepared
    if "outfile" in options:
        with _output(options["outfile"]) as options["outfile"], _watched(options):
            status: int = execute(**options) or GOOD
    else:
        status = execute(**options) or GOOD
    if isinstance(command, Clean) and ownership.failed:
        status = FAILED
    if isinstance(command, _RECORDING) and getattr(
        command.dep_manager.backend, "has_failed", False
    ):
        status = FAILED  # databases of doit's own raise
    if not isinstance(command, (Run, Clean, *_RECORDING)):
        demand_written()
    elif told := unwritten(sys.stdout, "standard output"):
        complain(told)  # what was to be done is done
    return status


@contextmanager
def _output(file: Any) -> Iterator[TextIO]:
    """What a run writes to: a file of this name, or standard output as it is now."""
    if isinstance(file, str):
        with open(file, "wb", buffering=0) as opened:
            stream = console.lasting(opened.fileno())
            yield stream
            if told := unwritten(stream, file):
                complain(told)
    else:
        yield sys.stdout


@contextmanager
def _watched(options: dict[str, Any]) -> Iterator[None]:
    """Make `doit -n` end if one of its processes was killed."""
    before = cmd_run.MRunner
    if options.get("num_process"):
        cmd_run.MRunner = Workers  # doit knows no other way to choose it
    try:
        yield
    finally:
        cmd_run.MRunner = before


def unwritten(stream: TextIO, called: str) -> str:
    """Why a stream could not be written, if so; a closed pipe is not a fault."""
    fault = console.fault(stream)
    return (
        "" if fault is None or isinstance(fault, BrokenPipeError) else f"{called}: {fault.strerror}"
    )


def demand_written() -> None:
    """Raise InvalidCommand if the output could not be written."""
    if told := unwritten(sys.stdout, "standard output"):
        raise InvalidCommand(told)


def complain(text: str) -> None:
    """Print what is wrong, as doit does."""
    print(f"ERROR: {_shown(text)}", file=sys.stderr)


def _shown(text: Any) -> str:
    return printable(str(text), but="\n\t")


@contextmanager
def in_words() -> Iterator[None]:
    """Raise InvalidCommand, which is shown as one line, for what doit would show a traceback of."""
    try:
        yield
    except InvalidCommand as error:
        _demand_no_former(error.not_found)
        error.args = tuple(map(_shown, error.args))
        error.not_found = error.not_found and _shown(error.not_found)
        raise
    except (OSError, UnboundLocalError) as error:
        # doit's JSON database, where it could not open a file, goes on to close it.
        cause = error if isinstance(error, OSError) else error.__context__
        # The author of a dodo.py, for example, needs the traceback.
        if not isinstance(cause, OSError) or _raised_by(error) not in {"doit", "provisioning"}:
            raise
        raise InvalidCommand(ownership.said(cause)) from error


FORMER = {name: name for name in ("spec", "explain", "diff", "install", "rehearse")} | {
    "gc": "prune"
}
"""The commands of `provision` that were doit's once, by the names they had there."""


def _demand_no_former(word: str | None) -> None:
    """Raise InvalidCommand where doit knows no such task, and had a command of that name once."""
    if word in FORMER:
        raise InvalidCommand(f"`doit {word}` is `provision {FORMER[word]}` now")


def _raised_by(error: Exception) -> str:
    """The package of which the code raised it, or called what raised it in Python's library."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    names = [str(each.f_globals.get("__name__")).partition(".")[0] for each in frames]
    return next(each for each in reversed(names) if each not in sys.stdlib_module_names)


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
    """What `tasks` make, and from what."""
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
            for each in self._processes:
                each.kill()
                each.join()
            # guard: leftovers-of-workers
            leftovers.sweep_of(Path(ARTIFACTS), [each.pid for each in self._processes if each.pid])
            raise

    def demand_all(self) -> None:
        """Raise InvalidCommand, which doit shows, if one has ended otherwise than it should."""
        for each in self._processes:
            if each.exitcode:
                left = f"; not finished: {', '.join(self._unfinished)}" if self._unfinished else ""
                told = f"a worker of `doit -n` {_end(each.exitcode)}{left}"
                raise InvalidCommand(f"{told}; run `doit` again to continue")

    def Queue(self) -> Any:  # noqa: N802 - doit's name
        """One for answers, and one for tasks."""
        from multiprocessing import get_context  # noqa: PLC0415 - a cost for `doit -n` alone

        try:
            return get_context().Queue()
        except OSError as error:  # semaphores are files in /dev/shm (sem_overview(7))
            why = f"cannot start worker processes: {error.strerror}"
            told = f"{why}; `doit -n {self.num_process} -P thread` uses threads instead"
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

    def execute_task_subprocess(self, job_q: Any, result_q: Any, reporter_class: Any) -> None:
        """Work, as one of the processes: a signal ends it at once."""
        # A handler of Python's runs in the main thread alone, and that may wait for ever: the
        # kernel gives the signal to whichever thread it likes.
        for number in process.ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        super().execute_task_subprocess(job_q, result_q, reporter_class)

    def _run_start_processes(self, job_q: Any, result_q: Any) -> list[_Worker]:
        self._processes = super()._run_start_processes(job_q, result_q)
        job_q.cancel_join_thread()  # the process that should take it may be gone
        # An attribute, since a worker gets the queue without it.
        result_q.get = partial(_get, result_q.get, self.demand_all)  # guard: watch-workers
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


def _get(get: Callable[..., Any], watch: Callable[[], None]) -> Any:
    """What `get` returns next; `watch` may raise while nothing comes."""
    while True:
        try:
            return get(timeout=_PATIENCE)
        except Empty:
            watch()


def _end(code: int) -> str:
    if code > 0:
        return f"ended with exit status {code}"
    why = ", perhaps because memory ran out" if code == -signal.SIGKILL else ""
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
        """Pickle as nothing: where Python does not fork, a worker gets all tasks."""
        return type(None), ()


def _single(names: Sequence[str], tasks: Any) -> Iterator[Any]:
    """The tasks of these names, those of groups in the place of the groups."""
    for name in names:
        if tasks[name].actions:
            yield tasks[name]
        else:
            yield from _single(tasks[name].task_dep, tasks)
