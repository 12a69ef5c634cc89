"""Knows how chunks are compressed on all cores, and handed out in order, in bounded memory."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.chunk import MAX
from provisioning.artifact.team import processors
from provisioning.build.store import Packed, Staged, Store

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from provisioning.build.runs import Press, Run


_FETCHED = 32 << 20  # bytes from the store that wait behind what is being made: the manifest, say


class Pressed(NamedTuple):
    """A chunk, ready for the archive."""

    key: str
    tar_length: int
    packed: Packed
    reused: bool


def press(runs: Iterable[Run], store: Store, largest: int = MAX) -> Generator[Pressed]:
    """The chunks of `runs`: from the store what it has; the others read, compressed and stored.

    None is larger than `largest`, in bytes of tar.

    The caller's thread reads: many small files are work of Python's, which threads cannot share.
    Compressing is none of Python's, and has a thread a core.

    Raises:
        BuildError: a source is no longer what was collected.
        OSError: one cannot be read, or no thread can be started.
    """
    threads = thread_count()
    with ThreadPoolExecutor(threads) as pool:
        queue = _Queue(store, pool, threads * largest)
        try:
            for run in runs:
                yield from queue.add(run)
            yield from queue.rest()
        finally:
            queue.close()


def thread_count() -> int:
    """How many threads may compress: one a core, or half as many where other tasks run too."""
    cores = processors()
    return max(1, cores // 2) if is_worker() else cores


def is_worker() -> bool:
    """Whether this is a worker of `doit -n`, of whichever kind."""
    from multiprocessing import parent_process  # noqa: PLC0415 - a cost for compressing alone

    is_main = threading.current_thread() is threading.main_thread()
    return parent_process() is not None or not is_main


class _Waiting(NamedTuple):
    """A chunk that was asked for: here from the store, or soon from the pool."""

    size: int
    chunk: Pressed | Future[tuple[Pressed, Staged | None]]

    @property
    def is_ready(self) -> bool:
        return isinstance(self.chunk, Pressed) or self.chunk.done()


class _Queue:
    """The chunks in the making: the first one, and at most `room` bytes behind it.

    What comes from the store meanwhile waits too, at most _FETCHED bytes of it.
    """

    def __init__(self, store: Store, pool: ThreadPoolExecutor, room: int) -> None:
        self._store = store
        self._pool = pool
        self._room = room
        self._making = self._fetched = 0
        self._waiting: deque[_Waiting] = deque()
        self._staged: list[Staged] = []

    def add(self, run: Run) -> Iterator[Pressed]:
        """Take the chunks of `run`, and hand out what is ready or has to make room."""
        read, pieces = 0, None
        for number, (key, length) in enumerate(run.chunks):
            packed = self._store.get(key)
            if packed:
                pressed = Pressed(key, length, packed, reused=True)
                self._put(_Waiting(len(packed.data), pressed))
            else:
                pieces = pieces or run.read()
                piece = next(islice(pieces, number - read, None))
                read = number + 1
                self._put(_Waiting(length, self._begin(key, piece, run.press)))
                del piece  # the pool's now; it may be the last to hold it
            yield from self._surplus()
        for _ in pieces or ():
            pass  # a large source is judged by all of it
        self._keep()

    def rest(self) -> Iterator[Pressed]:
        """Hand out all that is left."""
        while self._waiting:
            yield self._take()
        self._keep()

    def close(self) -> None:
        """Leave nothing behind that nobody will ask for."""
        for waiting in self._waiting:
            future = waiting.chunk
            if isinstance(future, Future) and not future.cancel() and not future.exception():
                self._staged += filter(None, future.result()[1:])
        for staged in self._staged:
            self._store.drop(staged)

    def _put(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._count(waiting, waiting.size)

    def _surplus(self) -> Iterator[Pressed]:
        while self._waiting and (self._waiting[0].is_ready or self._is_full()):
            yield self._take()

    def _is_full(self) -> bool:
        behind = self._making - self._waiting[0].size
        return behind > self._room or self._fetched > _FETCHED

    def _count(self, waiting: _Waiting, size: int) -> None:
        if isinstance(waiting.chunk, Pressed):
            self._fetched += size
        else:
            self._making += size

    def _take(self) -> Pressed:
        waiting = self._waiting.popleft()
        self._count(waiting, -waiting.size)
        if isinstance(waiting.chunk, Pressed):
            return waiting.chunk
        pressed, staged = waiting.chunk.result()
        if staged:
            self._staged.append(staged)
        return pressed

    def _keep(self) -> None:
        """Keep what was staged: its sources have proved to be what was collected."""
        for staged in self._staged:
            self._store.keep(staged)
        self._staged.clear()

    def _begin(
        self, key: str, piece: bytes | bytearray, press: Press
    ) -> Future[tuple[Pressed, Staged | None]]:
        try:
            return self._pool.submit(self._make, key, piece, press)
        except RuntimeError as error:  # all that Python says where the system has no more of them
            reason = "no thread can be started; see `ulimit -u` and `ulimit -v`"
            raise OSError(errno.EAGAIN, reason) from error

    def _make(
        self, key: str, piece: bytes | bytearray, press: Press
    ) -> tuple[Pressed, Staged | None]:
        packed = pack(piece, press)
        return Pressed(key, len(piece), packed, reused=False), self._store.stage(key, packed)


def pack(piece: bytes | bytearray, press: Press) -> Packed:
    """Compress what a chunk holds."""
    data = press(piece)
    return Packed(data, hashlib.sha256(data).digest(), hashlib.sha256(piece).digest())
