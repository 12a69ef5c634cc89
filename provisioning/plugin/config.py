"""Knows how doit must be set up for this plugin: records, checker, reporter, signals."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning.build import workspace
from provisioning.build.digests import Digests
from provisioning.plugin import ARTIFACTS, owned
from provisioning.plugin.checker import Checker
from provisioning.plugin.database import BACKEND
from provisioning.plugin.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SOON = 0.05  # seconds, after which Python is out of it; less than anyone waits for a worker

_leaving: list[int] = []
"""The signal that has been told to end this process, if one has."""


@cache
def digests_of(artifacts: str) -> Digests:
    """The one memory of digests that the checker and all stages of this process share."""
    return Digests(workspace.digests(artifacts))


def doit_config(artifacts: str) -> dict[str, Any]:
    """DOIT_CONFIG for the tasks of this plugin. Raises doit.exceptions.InvalidDodoFile."""
    owned.demand_ours(artifacts)
    if threading.current_thread() is threading.main_thread():
        _leave_in_order()
    # What a run learns that finds nothing to do: else every later one would read a file again
    # that was touched once.
    atexit.register(digests_of(artifacts).save)
    return {
        "backend": BACKEND,
        "dep_file": str(workspace.database(artifacts)),
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
        signal.signal(number, _leave)
    # The workers of `doit -n` just die. A handler of Python's runs in the main thread alone, and a
    # worker's may wait for ever: the kernel gives the signal to whichever thread it likes.
    os.register_at_fork(after_in_child=lambda: _die_of(heeded))
    sys.unraisablehook = partial(_insist, sys.unraisablehook)


def _leave(number: int, _frame: FrameType | None) -> None:
    # doit ends its workers itself, but not wherever in its code a signal may find it; then the
    # interpreter would wait for them at its end.
    from multiprocessing import active_children  # noqa: PLC0415 - a cost for `doit -n` alone

    for worker in active_children():
        worker.kill()
    if not _leaving:
        _leaving.append(number)
        atexit.register(_leave_nothing)
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
    from provisioning.build import output, stale  # noqa: PLC0415 - a cost for this alone

    output.making.acquire()  # for ever: threads of `doit -n -P thread` are still at work
    stale.sweep_of(Path(ARTIFACTS), [os.getpid()])


def _die_of(numbers: Iterable[signal.Signals]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
