"""Knows how several processes share a work that each can say yes or no to.

The processes are forked: they know all that this one knew, and what they learn dies with them but
for how far they have come, and one answer. Whoever is told no, even because a process was killed,
does not learn more.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Work = Callable[[int], bool]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # those that people and systems send
_WORTHWHILE = 4  # pieces of work for each process: with fewer, forking costs more than it gains
_SHARES, _WIDTH = 1000, 4  # as many as fit into every pipe; the bytes of a number in it
_NOTES = 4096  # bytes that are read at a time, one for each share that was done


class Team:
    """Processes that do `work(0)`, `work(1)` and so on below `count`, each what is next.

    They begin at once, and end with the block at the latest. Where none can be forked, or it is
    not worth while, this process does all of it when it is asked for the answer.
    """

    def __init__(self, work: Work, count: int) -> None:
        self._work, self._count = work, count
        self._running: list[int] = []
        self._step = -(-count // _SHARES)
        self._open = ExitStack()
        size = min(processors(), count // _WORTHWHILE)
        # Another thread may hold a lock at the moment of a fork, and a child would wait for it.
        if size > 1 and threading.active_count() == 1:
            with suppress(OSError):  # no more files or processes: who is there does all of it
                self._fork(size)
        self._is_shared = bool(self._running)
        self._here = iter(range(0 if self._is_shared else count))
        self._said = True

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *_: object) -> None:
        while self._running:
            process = self._running.pop()
            with suppress(ProcessLookupError, ChildProcessError):  # it has been waited for
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
        self._open.close()

    def progress(self) -> Iterator[None]:
        """Return whenever more of the work is done, until there is nobody left to do any."""
        while self._is_shared and os.read(self._heard, _NOTES):
            yield
        for number in self._here:
            self._said = self._work(number)
            if not self._said:
                return
            yield

    def agrees(self) -> bool:
        """Wait until the work is done, or somebody said no."""
        while self._running:
            _, status = os.waitpid(self._running[-1], 0)
            del self._running[-1]  # not before: a signal may end the wait
            if status:
                return False
        return self._said and all(map(self._work, self._here))

    def _fork(self, size: int) -> None:
        starts = range(0, self._count, self._step)
        self._next = self._pipe(b"".join(start.to_bytes(_WIDTH, "little") for start in starts))
        self._heard, self._tell = os.pipe()
        self._open.callback(os.close, self._heard)
        # A signal between fork and `try` would have a child unwind as if it were this process.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            for _ in range(size):
                process = os.fork()
                if not process:
                    self._serve(before)
                self._running.append(process)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(self._tell)  # so that there is an end to what is heard

    def _pipe(self, content: bytes) -> int:
        """A pipe that holds so much, and nobody adds to."""
        take, give = os.pipe()
        self._open.callback(os.close, take)
        os.write(give, content)
        os.close(give)
        return take

    def _serve(self, signals: set[int]) -> None:
        """Be a forked process: nothing that the first one was about to do may happen twice."""
        os.close(self._heard)  # else nobody learns that the first one is gone
        answer = False
        try:
            for each in _SIGNALS:
                if callable(signal.getsignal(each)):  # under nohup(1), SIGHUP stays ignored
                    signal.signal(each, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the first one ends the others
            signal.pthread_sigmask(signal.SIG_SETMASK, signals)
            gc.disable()  # a collection touches, and so copies, all memory that is still shared
            answer = all(map(self._do, iter(self._take, b"")))
        finally:
            os._exit(not answer)

    def _take(self) -> bytes:
        """What is next, which nobody else takes; nothing at the end."""
        return os.read(self._next, _WIDTH)

    def _do(self, taken: bytes) -> bool:
        start = int.from_bytes(taken, "little")
        done = all(map(self._work, range(start, min(start + self._step, self._count))))
        os.write(self._tell, b".")  # there is room for it: a pipe holds as many as there are shares
        return done


def processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))  # what taskset(1) and containers leave
    except AttributeError:  # macOS
        return os.cpu_count() or 1
