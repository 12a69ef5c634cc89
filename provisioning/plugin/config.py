"""Knows when a file that a task depends on has changed: by its content, and by nothing less."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.dependency import FileChangedChecker

from provisioning.builder.collect.file_state import Digests, Signature, signature
from provisioning.builder.workspace import paths
from provisioning.errors import BuildError
from provisioning.plugin import ARTIFACTS, ownership
from provisioning.plugin.database import BACKEND
from provisioning.plugin.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

    from provisioning.builder.collect.file_state import FileState


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


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SOON = 0.05  # seconds, after which Python is out of it; less than anyone waits for a worker

_leaving: list[int] = []
"""The signal that has been told to end this process, if one has."""


@cache
def digests_of(artifacts: str) -> Digests:
    """The one memory of digests that the checker and all stages of this process share."""
    return Digests(paths.digests(artifacts))


def doit_config(artifacts: str) -> dict[str, Any]:
    """DOIT_CONFIG for the tasks of this plugin. Raises doit.exceptions.InvalidDodoFile."""
    ownership.demand_ours(artifacts)  # guard: artifacts-are-ours
    if threading.current_thread() is threading.main_thread():
        _leave_in_order()
    # What a run learns that finds nothing to do: else every later one would read a file again
    # that was touched once.
    atexit.register(digests_of(artifacts).save)
    return {
        "backend": BACKEND,
        "dep_file": str(paths.database(artifacts)),
        "check_file_uptodate": partial(Checker, digests_of(artifacts)),
        "reporter": Reporter,
        "default_tasks": ["package", "verify"],
        "continue": True,  # all faults at once: one package's do not hide another's
    }


def _leave_in_order() -> None:
    """Make a signal end doit with one line, its records closed, instead of with a traceback."""
    # Where whoever started doit ignores it, nobody is told how a process has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # nohup(1) has SIGHUP ignored, and that must stay so.
    heeded = [each for each in _SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, _leave)  # guard: signal-handlers
    # The workers of `doit -n` just die. A handler of Python's runs in the main thread alone, and a
    # worker's may wait for ever: the kernel gives the signal to whichever thread it likes.
    os.register_at_fork(after_in_child=lambda: _die_of(heeded))
    sys.unraisablehook = partial(_insist, sys.unraisablehook)  # guard: signal-that-python-swallows


def _leave(number: int, _frame: FrameType | None) -> None:
    # doit ends its workers itself, but not wherever in its code a signal may find it; then the
    # interpreter would wait for them at its end.
    from multiprocessing import active_children  # noqa: PLC0415 - a cost for `doit -n` alone

    for worker in active_children():
        worker.kill()
    if not _leaving:
        _leaving.append(number)
        atexit.register(_leave_nothing)  # guard: leave-nothing-at-exit
        name = signal.Signals(number).name
        print(f"\n{name}: stopped; nothing is left half-made, `doit` goes on", file=sys.__stderr__)
    raise SystemExit(128 + _leaving[0])


def _insist(before: Callable[[Any], object], passed_over: Any) -> None:
    """End soon, where a signal found Python in what it lets nothing out of: a __del__, a fork."""
    if _leaving and issubclass(passed_over.exc_type, SystemExit):
        signal.signal(signal.SIGALRM, _leave)
        signal.setitimer(signal.ITIMER_REAL, _SOON)
    else:
        before(passed_over)


def _leave_nothing() -> None:
    """Remove what this process has been about to finish, wherever the signal found it."""
    from provisioning.builder.workspace import leftovers, output  # noqa: PLC0415 - a cost for this alone

    output.making.acquire()  # for ever: threads of `doit -n -P thread` are still at work
    leftovers.sweep_of(Path(ARTIFACTS), [os.getpid()])


def _die_of(numbers: Iterable[signal.Signals]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
