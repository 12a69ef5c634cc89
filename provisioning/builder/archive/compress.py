"""Knows how bytes become a gzip member, a zstd frame, …: the same on every machine."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from importlib.metadata import version
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from provisioning.artifact.formats import DEB, ZIP
from provisioning.artifact.process_pool import processors
from provisioning.artifact.tar.chunking import MAX
from provisioning.builder.archive.store import Packed, Staged, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from provisioning.builder.archive.members import Press, Run
    from provisioning.spec.model.variant import Variant


_DEFAULTS = {"tar.gz": "gzip", "tar.zst": "zstd", "tar.xz": "xz", ZIP: "deflate", DEB: "gzip"}
_LEVELS = {"gzip": 6, "deflate": 6, "zstd": 9, "xz": 6}
_LONGEST_WINDOW = (
    8 << 20
)  # bytes, as xz -6 has: it takes eleven times as much memory, in each thread
_STREAM_WINDOW = 23  # bits, 8 MiB: what unpacks one stream holds as much in memory


class Encoder(NamedTuple):
    """What compresses chunks."""

    codec: str
    name: str
    """Recorded with the archive, and part of every chunk's key: another library, which each
    version of its binding carries inside, or another level makes other bytes."""
    press: Press
    """Compress bytes on their own: what it makes of them can follow each other. Other threads run
    meanwhile."""


class Stream(Protocol):
    """One stream in the making: what is compressed on from piece to piece."""

    def compress(self, data: bytes | bytearray, /) -> bytes: ...

    def flush(self) -> bytes: ...


def encoder_of(variant: Variant, format: str) -> Encoder:
    """What compresses a format of a variant: as its `compression` says, as in `gzip:9`."""
    return encoder(*_asked(variant, format))


def stream_of(variant: Variant, format: str) -> Stream:
    """What compresses a format of a variant as one stream of xz or zstd."""
    codec, level = _asked(variant, format)
    return _STREAMS[codec](level)


def names_of(variant: Variant) -> dict[str, str]:
    """What compresses the formats of a variant that are compressed, by their names."""
    names = {each: encoder_of(variant, each).name for each in variant.formats if each in _DEFAULTS}
    if DEB in names:
        names[f"{DEB} control"] = encoder("gzip").name
    return names


def _asked(variant: Variant, format: str) -> tuple[str, int]:
    codec, _, level = variant.compression.get(format, _DEFAULTS[format]).partition(":")
    return codec, int(level) if level else _LEVELS[codec]


@lru_cache
def encoder(codec: str, level: int | None = None) -> Encoder:
    """What makes chunks of a codec, at its own level where none is given."""
    level = _LEVELS[codec] if level is None else level
    library, press = _ENCODERS[codec]
    told = f"{library} {version(library)}" if library else _liblzma()
    return Encoder(codec, f"{codec}, {told} -{level}", lambda data: press(data, level))


def _liblzma() -> str:
    """Tell which liblzma the standard library compresses xz with: the host's, which it hides."""
    import _lzma  # noqa: PLC0415
    import ctypes  # noqa: PLC0415

    try:
        # Loaded again, a module is itself, with all that it is linked with; None is Python itself.
        tell = ctypes.CDLL(getattr(_lzma, "__file__", None)).lzma_version_string
    except (AttributeError, OSError):
        return "liblzma"  # linked in such a way that nobody can ask it
    tell.restype = ctypes.c_char_p
    return f"liblzma {tell().decode()}"


# The libraries are imported where they are used: graph.py needs the names of encoders for a build
# that compresses nothing.


def _gzip(data: bytes | bytearray, level: int) -> bytearray:
    from deflate import gzip_compress  # noqa: PLC0415

    # Its header is codec.gzip.HEADER: no name, no time, no system, nor how hard it was tried.
    made = gzip_compress(data, level)
    made[8] = 0
    return made


def _deflate(data: bytes | bytearray, level: int) -> bytearray:
    from deflate import deflate_compress  # noqa: PLC0415

    return deflate_compress(data, level)


def _zstd(data: bytes | bytearray, level: int) -> bytes:
    import zstandard  # noqa: PLC0415

    # One window for all of it, so that a frame's header has one spelling: see ZstdReader.
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=len(data),
        window_log=max(zstandard.WINDOWLOG_MIN, (len(data) - 1).bit_length()),
        write_checksum=True,
        write_content_size=True,
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def _xz(data: bytes | bytearray, level: int) -> bytes:
    import lzma  # noqa: PLC0415

    window = min(_LONGEST_WINDOW, max(4096, len(data)))
    filters = [{"id": lzma.FILTER_LZMA2, "preset": level, "dict_size": window}]
    return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC64, filters=filters)


_ENCODERS: dict[str, tuple[str, Callable[..., bytes | bytearray]]] = {
    "gzip": ("deflate", _gzip),
    "deflate": ("deflate", _deflate),
    "zstd": ("zstandard", _zstd),
    "xz": ("", _xz),
}


def _zstd_stream(level: int) -> Stream:
    import zstandard  # noqa: PLC0415

    # Neither is a size known, nor what the first piece will be: one header, see OneZstdReader.
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, window_log=_STREAM_WINDOW, write_checksum=True, write_content_size=False
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compressobj()


def _xz_stream(level: int) -> Stream:
    import lzma  # noqa: PLC0415

    filters = [{"id": lzma.FILTER_LZMA2, "preset": level, "dict_size": 1 << _STREAM_WINDOW}]
    return lzma.LZMACompressor(lzma.FORMAT_XZ, lzma.CHECK_CRC64, filters=filters)


_STREAMS: dict[str, Callable[[int], Stream]] = {"zstd": _zstd_stream, "xz": _xz_stream}


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
        return behind > self._room or self._fetched > _FETCHED  # guard: room-for-compressed

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
