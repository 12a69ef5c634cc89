"""Compresses chunks in order, a thread for each core; what the store has is reused."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.process_pool import processors
from provisioning.artifact.tar.chunking import MAX
from provisioning.builder.archive.store import StagedChunk, Store, StoredChunk

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor

    from provisioning.builder.archive.encoders import Compress
    from provisioning.builder.archive.members import ChunkRun

_FETCHED = 32 << 20  # bytes from the store that wait behind what is being made: the manifest, say


class CompressedChunk(NamedTuple):
    """A chunk, ready for the archive."""

    key: str
    tar_length: int
    packed: StoredChunk
    reused: bool


def compress_runs(
    runs: Iterable[ChunkRun], store: Store, largest: int = MAX
) -> Generator[CompressedChunk, None, None]:
    """The chunks of `runs`, in order: from the store what it has; the others read and compressed.

    None is larger than `largest`, in bytes of tar. The caller's thread reads, since many small
    files are Python's work, which threads cannot share; a thread for each core compresses.

    Raises:
        BuildError: a source is no longer what was collected.
        OSError: one cannot be read, or no thread can be started.
    """
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - a cost for this alone

    threads = thread_count()
    with ThreadPoolExecutor(threads) as pool:
        pipeline = _Pipeline(store, pool, threads * largest)
        try:
            for run in runs:
                yield from pipeline.add(run)
            yield from pipeline.rest()
        finally:
            pipeline.close()


def thread_count() -> int:
    """How many threads may compress: one for each core, or half as many if other tasks run too."""
    cores = processors()
    return max(1, cores // 2) if is_worker() else cores


def is_worker() -> bool:
    """Whether this is a worker of `doit -n`, of whichever kind."""
    from multiprocessing import parent_process  # noqa: PLC0415 - a cost for compressing alone

    is_main = threading.current_thread() is threading.main_thread()
    return parent_process() is not None or not is_main


class _Waiting(NamedTuple):
    """A chunk that was taken from the store, or that the pool will make."""

    size: int
    chunk: CompressedChunk | Future[tuple[CompressedChunk, StagedChunk | None]]

    @property
    def is_ready(self) -> bool:
        return isinstance(self.chunk, CompressedChunk) or self.chunk.done()


class _Pipeline:
    """Makes chunks in order, holding at most `room` bytes of them behind the first one.

    What comes from the store meanwhile waits too, at most _FETCHED bytes of it.
    """

    def __init__(self, store: Store, pool: ThreadPoolExecutor, room: int) -> None:
        self._store = store
        self._pool = pool
        self._room = room
        self._making = self._fetched = 0
        self._waiting: deque[_Waiting] = deque()
        self._staged: list[StagedChunk] = []

    def add(self, run: ChunkRun) -> Iterator[CompressedChunk]:
        """Take the chunks of `run`; yield those that are ready, or have to make room."""
        read, pieces = 0, None
        for number, (key, length) in enumerate(run.chunks):
            packed = self._store.get(key)
            if packed:
                chunk = CompressedChunk(key, length, packed, reused=True)
                self._put(_Waiting(len(packed.data), chunk))
            else:
                pieces = pieces or run.read()
                piece = next(islice(pieces, number - read, None))
                read = number + 1
                self._put(_Waiting(length, self._begin(key, piece, run.compress)))
                del piece  # the pool's now; it may be the last to hold it
            yield from self._surplus()
        for _ in pieces or ():
            pass  # a large source is judged by all of it
        self._keep()

    def rest(self) -> Iterator[CompressedChunk]:
        """Yield all that is left."""
        while self._waiting:
            yield self._take()
        self._keep()

    def close(self) -> None:
        """Drop what is no longer needed."""
        for waiting in self._waiting:
            chunk = waiting.chunk
            if isinstance(chunk, CompressedChunk) or chunk.cancel() or chunk.exception():
                continue
            self._staged += filter(None, chunk.result()[1:])
        for staged in self._staged:
            self._store.drop(staged)

    def _put(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._count(waiting, waiting.size)

    def _surplus(self) -> Iterator[CompressedChunk]:
        while self._waiting and (self._waiting[0].is_ready or self._is_full()):
            yield self._take()

    def _is_full(self) -> bool:
        behind = self._making - self._waiting[0].size
        return behind > self._room or self._fetched > _FETCHED  # guard: room-for-compressed

    def _count(self, waiting: _Waiting, size: int) -> None:
        if isinstance(waiting.chunk, CompressedChunk):
            self._fetched += size
        else:
            self._making += size

    def _take(self) -> CompressedChunk:
        waiting = self._waiting.popleft()
        self._count(waiting, -waiting.size)
        if isinstance(waiting.chunk, CompressedChunk):
            return waiting.chunk
        chunk, staged = waiting.chunk.result()
        if staged:
            self._staged.append(staged)
        return chunk

    def _keep(self) -> None:
        """Store what was staged: its sources are still what was collected."""
        for staged in self._staged:
            self._store.keep(staged)
        self._staged.clear()

    def _begin(
        self, key: str, piece: bytes | bytearray, compress: Compress
    ) -> Future[tuple[CompressedChunk, StagedChunk | None]]:
        try:
            return self._pool.submit(self._make, key, piece, compress)
        except RuntimeError as error:  # Python says no more if the system has run out of them
            reason = "no thread can be started; see `ulimit -u` and `ulimit -v`"
            raise OSError(errno.EAGAIN, reason) from error

    def _make(
        self, key: str, piece: bytes | bytearray, compress: Compress
    ) -> tuple[CompressedChunk, StagedChunk | None]:
        packed = compress_chunk(piece, compress)
        return CompressedChunk(key, len(piece), packed, reused=False), self._store.stage(
            key, packed
        )


def compress_chunk(piece: bytes | bytearray, compress: Compress) -> StoredChunk:
    """Compress the content of a chunk, and digest both."""
    data = compress(piece)
    return StoredChunk(data, hashlib.sha256(data).digest(), hashlib.sha256(piece).digest())
