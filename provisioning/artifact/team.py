"""Knows how several processes share a work that each can say yes or no to.

The processes are forked: they know all that this one knew, and what they learn dies with them but
for one answer. Whoever is told no, even because a process was killed, does not learn more.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[int], bool]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # those that people and systems send
_WORTHWHILE = 4  # pieces of work for each process: with fewer, forking costs more than it gains


class Team:
    """Processes that do `work(0)`, `work(1)` and so on below `count`, in shares.

    They begin at once, and end with the block at the latest. Where none can be forked, or it is
    not worth while, this process does all of it when it is asked for the answer.
    """

    def __init__(self, work: Work, count: int) -> None:
        self._work = work
        self._running: list[int] = []
        size = min(_processors(), count // _WORTHWHILE)
        # Another thread may hold a lock at the moment of a fork, and a child would wait for it.
        if threading.active_count() > 1:
            size = 0
        self._shares = [range(share, count, size) for share in range(size)] or [range(count)]
        if size > 1:
            self._fork()

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *_: object) -> None:
        while self._running:
            process = self._running.pop()
            with suppress(ProcessLookupError, ChildProcessError):  # it has been waited for
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)

    def agrees(self) -> bool:
        """Wait until the work is done, or somebody said no."""
        while self._running:
            _, status = os.waitpid(self._running[-1], 0)
            del self._running[-1]  # not before: a signal may end the wait
            if status:
                return False
        return all(map(self._do, self._shares))

    def _do(self, share: range) -> bool:
        return all(map(self._work, share))

    def _fork(self) -> None:
        # A signal between fork and `try` would have a child unwind as if it were this process.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            while self._shares:
                process = os.fork()
                share = self._shares.pop()
                if not process:
                    self._serve(share, before)
                self._running.append(process)
        except OSError:
            pass  # no more processes: what shares are left, this one does
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _serve(self, share: range, signals: set[int]) -> None:
        """Be a forked process: nothing that the first one was about to do may happen twice."""
        answer = False
        try:
            for each in _SIGNALS:
                if callable(signal.getsignal(each)):  # under nohup(1), SIGHUP stays ignored
                    signal.signal(each, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the first one ends the others
            signal.pthread_sigmask(signal.SIG_SETMASK, signals)
            gc.disable()  # a collection touches, and so copies, all memory that is still shared
            answer = self._do(share)
        finally:
            os._exit(not answer)


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1
