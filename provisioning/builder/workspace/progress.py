"""How far the stages have come that run now, in memory that all workers of a run share.

Nothing is counted unless somebody watches: `watch` comes first, in the process that forks the
workers.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

_LAYOUT = struct.Struct("<d5q80s")
_ROWS = 64  # stages at once: more than anybody has processors


class Progress(NamedTuple):
    """How far one stage has come. Sizes are in bytes of what is packed."""

    began: float
    """When, by time.monotonic()."""
    files: int = 0
    """That were read."""
    done: int = 0
    total: int = 0
    """0 where it is not known."""
    reused: int = 0
    """Chunks, as are those that were packed."""
    packed: int = 0
    stage: str = ""


_board: mmap | None = None
_mine = threading.local()


def watch() -> None:
    """Have the stages of this process, and of those that it forks from now on, count."""
    global _board  # noqa: PLW0603 - workers inherit it
    from mmap import mmap  # noqa: PLC0415 - where nobody watches, a cost for nothing

    _board = mmap(-1, _ROWS * _LAYOUT.size)


@contextmanager
def counted(stage: str) -> Iterator[None]:
    """Count what is done in the block as that of a stage."""
    if _board is None:
        yield
        return
    _mine.now = Progress(time.monotonic(), stage=stage)
    _write(_mine.now)
    try:
        yield
    finally:
        del _mine.now
        _write(Progress(0))


def count(
    *, files: int = 0, done: int = 0, total: int = 0, reused: int = 0, packed: int = 0
) -> None:
    """Add to what the stage of this thread has done."""
    now: Progress | None = getattr(_mine, "now", None)
    if now:
        _mine.now = now._replace(
            files=now.files + files,
            done=now.done + done,
            total=now.total + total,
            reused=now.reused + reused,
            packed=now.packed + packed,
        )
        _write(_mine.now)


def seen() -> list[Progress]:
    """The stages that run now, the oldest first."""
    found = []
    for *numbers, stage in _LAYOUT.iter_unpack(_board) if _board is not None else ():
        if name := stage.rstrip(b"\0").decode(errors="replace"):
            found.append(Progress._make((*numbers, name)))
    return sorted(found)


def _write(now: Progress) -> None:
    if _board is not None:
        row = (os.getpid() * 31 + threading.get_ident()) % _ROWS
        _LAYOUT.pack_into(_board, row * _LAYOUT.size, *now[:-1], now.stage.encode()[:80])
