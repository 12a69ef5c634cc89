"""What is changed in the process that plans or runs our tasks; all of it is put back afterwards.

A signal ends it with one line and nothing half-made, a standard stream that fails raises nothing,
and the garbage collector rests.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning import console
from provisioning.builder.workspace.paths import ARTIFACTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SOON = 0.05  # seconds, after which Python is out of it; less than anyone waits for a worker

# New objects after which Python looks for garbage. There is next to none, but what describes
# 100,000 files is many objects: to look at all of them again and again took a tenth of a build.
_NEW_OBJECTS = 1_000_000


@contextmanager
def prepared(further: str = "") -> Iterator[None]:
    """Prepare the process for planning or running tasks, as long as the block runs.

    `further` is what to say, beside its name, where a signal ends the block with SystemExit.
    """
    before = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS)
    try:
        with _unbreakable_streams():
            if threading.current_thread() is threading.main_thread():
                with _Ending(further).handled():
                    yield
            else:
                yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _unbreakable_streams() -> Iterator[None]:
    before = {name: getattr(sys, name) for name in ("stdout", "__stdout__", "stderr", "__stderr__")}
    console.mend()  # guard: streams-of-doit
    try:
        yield
    finally:
        for name in ("stdout", "stderr"):
            mended = getattr(sys, name)
            # One that is closed or cannot be written stays replaced: it would raise once more.
            if mended is not before[name] and before[name] and not console.fault(mended):
                setattr(sys, name, before[name])
                setattr(sys, f"__{name}__", before[f"__{name}__"])


class _Ending:
    """How a signal ends this process: with a line, its workers ended, and nothing half-made."""

    def __init__(self, further: str) -> None:
        self._further = further
        self._process = os.getpid()
        self._number = 0  # of the signal that ends it

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals as long as the block runs."""
        numbers = (*ENDING, signal.SIGCHLD, signal.SIGALRM)
        before = {each: signal.getsignal(each) for each in numbers}
        self._hook = sys.unraisablehook
        try:
            # If the parent process ignores it, nobody learns how a process has ended.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in ENDING:
                # nohup(1) has SIGHUP ignored, and that must stay so.
                if before[each] is not signal.SIG_IGN:
                    signal.signal(each, self._end)  # guard: signal-handlers
            sys.unraisablehook = self._insist  # guard: signal-that-python-swallows
            yield
        finally:
            if self._number and os.getpid() == self._process:
                if threading.active_count() == 1:  # guard: leave-nothing-at-exit
                    self._leave_nothing()
                else:  # Python waits for the threads of pools first, and they for what is held
                    atexit.register(self._leave_nothing)
                # A second Ctrl-C finds the process on its way out: it has nothing to add.
                before[signal.SIGINT] = signal.SIG_DFL
            sys.unraisablehook = self._hook
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a child that a task has forked: it just dies
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        # doit ends its workers itself, but not wherever in its code a signal may find it; then the
        # interpreter would wait for them at its end.
        from multiprocessing import active_children  # noqa: PLC0415 - a cost for `doit -n` alone

        for worker in active_children():
            worker.kill()
        if not self._number:
            self._number = number
            print(f"\n{signal.Signals(number).name}: stopped{self._further}", file=sys.__stderr__)
        raise SystemExit(128 + self._number)

    def _insist(self, passed_over: Any) -> None:
        """End soon, where a signal found Python where nothing gets out: a __del__, a fork."""
        if self._number and issubclass(passed_over.exc_type, SystemExit):
            signal.signal(signal.SIGALRM, self._end)
            signal.setitimer(signal.ITIMER_REAL, _SOON)
        else:
            self._hook(passed_over)

    def _leave_nothing(self) -> None:
        """Remove what this process has been about to finish, wherever the signal found it."""
        from provisioning.builder.workspace import leftovers, output  # noqa: PLC0415 - for this alone

        for each in (*ENDING, signal.SIGALRM):
            signal.signal(each, signal.SIG_IGN)
        output.making.acquire()
        leftovers.sweep_of(Path(ARTIFACTS), [os.getpid()])
        if threading.active_count() == 1:  # else threads of `doit -n -P thread` are still at work
            output.making.release()
