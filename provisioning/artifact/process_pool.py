"""Shares work between forked processes.

They start with all that this one has in memory. `Team` reports progress and whether every piece of
work succeeded, which is false if a process fails or is killed. `spread` returns the results.
"""

from __future__ import annotations

import gc
import marshal
import os
import signal
import threading
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO

    Work = Callable[[int], bool]

_Found = TypeVar("_Found")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # those that people and systems send
_WORTHWHILE = 4  # pieces of work for each process: with fewer, forking costs more than it gains
_SHARES, _WIDTH = 1000, 4  # as many as fit into every pipe; the bytes of a number in it
_NOTES = 4096  # bytes that are read at a time, one for each share that was done
_MARSHAL = 2  # its version: later ones look for each object among those that are spelt already


def spread(work: Callable[[int], _Found], count: int) -> list[_Found]:
    """What `work` returns for each number below `count`, in their order.

    It must be something that marshal can encode. If another process fails or is killed, this one
    does the work of all others. Raises what `work` raises.
    """
    size = max(1, _hands(count))
    shares = [range(first, count, size) for first in range(size)]

    def find(share: range) -> list[_Found]:
        return [work(number) for number in share]

    with _Forks() as forks, ExitStack() as opened:
        told: list[BinaryIO] = []
        with suppress(OSError):  # no more files or processes: those that exist do all of it
            for share in shares[1:]:
                told.append(_told(forks, opened, partial(find, share)))
        found = [find(shares[0])]
        spelt = [file.read() for file in told]
        if forks.agree():
            # Nobody else can write to these pipes.
            found += map(marshal.loads, spelt)
    found += map(find, shares[len(found) :])
    return [found[number % size][number // size] for number in range(count)]


def _told(forks: _Forks, opened: ExitStack, find: Callable[[], Any]) -> BinaryIO:
    """Start another process that calls `find`; return the pipe to which it writes the result."""
    take, give = os.pipe()
    file = opened.enter_context(open(take, "rb"))  # noqa: SIM115 - closed with the others

    def tell() -> bool:
        os.close(take)  # else nobody learns that the first one is gone
        with open(give, "wb", closefd=False) as other:
            other.write(marshal.dumps(find(), _MARSHAL))
        return True

    try:
        forks.add(tell)
    finally:
        os.close(give)
    return file


class Team:
    """Processes that do `work(0)`, `work(1)` and so on below `count`, each the next one.

    They begin at once, and end with the block at the latest. If none can be forked, or it is not
    worthwhile, this process does all the work when it is asked for the answer.
    """

    def __init__(self, work: Work, count: int) -> None:
        self._work, self._count = work, count
        self._step = -(-count // _SHARES)
        self._open = ExitStack()
        self._forks = self._open.enter_context(_Forks())
        size = _hands(count)
        if size > 1:
            with suppress(OSError):  # no more files or processes: those that exist do all of it
                self._fork(size)
        self._is_shared = bool(self._forks.running)
        self._here = iter(range(0 if self._is_shared else count))
        self._said = True

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def progress(self) -> Iterator[None]:
        """Yield whenever more of the work is done, until no process is left."""
        while self._is_shared and os.read(self._heard, _NOTES):
            yield
        for number in self._here:
            self._said = self._work(number)
            if not self._said:
                return
            yield

    def agrees(self) -> bool:
        """Wait until the work is done or a piece failed; return whether all succeeded."""
        return self._forks.agree() and self._said and all(map(self._work, self._here))

    def _fork(self, size: int) -> None:
        starts = range(0, self._count, self._step)
        self._next = self._pipe(b"".join(start.to_bytes(_WIDTH, "little") for start in starts))
        self._heard, self._tell = os.pipe()
        self._open.callback(os.close, self._heard)
        try:
            for _ in range(size):
                self._forks.add(self._serve)
        finally:
            os.close(self._tell)  # so that reading comes to an end

    def _pipe(self, content: bytes) -> int:
        """A pipe that contains so much, and nobody writes to."""
        take, give = os.pipe()
        self._open.callback(os.close, take)
        os.write(give, content)
        os.close(give)
        return take

    def _serve(self) -> bool:
        os.close(self._heard)  # else nobody learns that the first one is gone
        return all(map(self._do, iter(self._take, b"")))

    def _take(self) -> bytes:
        """Take the next number, which no other process gets; nothing at the end."""
        return os.read(self._next, _WIDTH)

    def _do(self, taken: bytes) -> bool:
        start = int.from_bytes(taken, "little")
        done = all(map(self._work, range(start, min(start + self._step, self._count))))
        os.write(self._tell, b".")  # there is room for it: a pipe holds as many as there are shares
        return done


class _Forks:
    """Processes that were forked, and end with the block at the latest."""

    def __init__(self) -> None:
        self.running: list[int] = []

    def __enter__(self) -> _Forks:
        return self

    def __exit__(self, *_: object) -> None:
        while self.running:
            process = self.running.pop()
            with suppress(ProcessLookupError, ChildProcessError):  # it has been waited for
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)

    def add(self, serve: Callable[[], bool]) -> None:
        """Fork a process that calls `serve`, and exits with its answer. Raises OSError."""
        # A signal between fork and `try` would have a child unwind as if it were this process.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            process = os.fork()
            if not process:
                _live(serve, before)
            self.running.append(process)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def agree(self) -> bool:
        """Wait until all have ended, or one has failed; return whether none has."""
        while self.running:
            _, status = os.waitpid(self.running[-1], 0)
            del self.running[-1]  # not before: a signal may end the wait
            if status:
                return False
        return True


def _live(serve: Callable[[], bool], signals: set[int]) -> None:
    """Run as a forked process: nothing that the first one was about to do may happen twice."""
    answer = False
    try:
        for each in _SIGNALS:
            if callable(signal.getsignal(each)):  # under nohup(1), SIGHUP stays ignored
                signal.signal(each, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the first one ends the others
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        gc.disable()  # a collection touches, and so copies, all memory that is still shared
        answer = serve()
    finally:
        os._exit(not answer)


def _hands(count: int) -> int:
    """How many processes may share so many pieces of work."""
    # Another thread may hold a lock at the moment of a fork, and a child would wait for it.
    if threading.active_count() > 1:
        return 1
    return min(processors(), count // _WORTHWHILE)


def processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))  # what taskset(1) and containers leave
    except AttributeError:  # macOS
        return os.cpu_count() or 1
