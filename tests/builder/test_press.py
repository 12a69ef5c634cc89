"""Chunks in the making: how many at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.tar.chunking import MAX
from provisioning.builder.archive import compress as compressing
from provisioning.builder.archive.compress import compress_chunk, compress_runs, thread_count
from provisioning.builder.archive.members import ChunkRun
from provisioning.builder.archive.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_no_more_is_held_than_there_is_room_for() -> None:
    read, held, counting = list[int](), list[int](), threading.Lock()
    made = list[int]()

    def chunk(number: int) -> Iterator[bytes]:
        with counting:
            read.append(number)
            held.append(len(read) - len(made))
        yield b"%d" % number

    def slowly(data: bytes | bytearray) -> bytes:
        threading.Event().wait(0.02)
        with counting:
            made.append(int(data))
        return bytes(data)

    runs = [ChunkRun(((f"{n:064}", MAX),), lambda n=n: chunk(n), slowly) for n in range(40)]
    store = Store(Path("nowhere/to/be/kept"))
    found = [int(each.key) for each in compress_runs(runs, store)]
    assert found == list(range(40))
    assert max(held) <= thread_count() + 2  # in the making, the first one, and the one to come


def test_what_comes_from_the_store_waits_in_little_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compressing, "_FETCHED", 10)
    store, slow = Store(tmp_path), threading.Event()
    for number in range(1, 9):
        staged = store.stage(f"{number:064}", compress_chunk(b"1234", bytes))
        assert staged
        store.keep(staged)
    handed = list[int]()

    def late(data: bytes | bytearray) -> bytes:
        assert slow.wait(60)
        return bytes(data)

    def runs() -> Iterator[ChunkRun]:
        for number in range(9):
            if number == 3:  # the last for which there is room behind the first one
                threading.Timer(0.2, slow.set).start()
            assert number <= 3 or handed
            yield ChunkRun(((f"{number:064}", 4),), lambda: iter((b"0000",)), late)

    for each in compress_runs(runs(), store):
        handed.append(int(each.key))
    assert handed == list(range(9))


def test_that_no_thread_can_be_started_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")  # as Python does for want of any

    monkeypatch.setattr(threading.Thread, "start", refuse)
    runs = [ChunkRun(((f"{0:064}", 4),), lambda: iter([b"1234"]), bytes)]
    with pytest.raises(OSError, match="no thread can be started; see `ulimit -u`"):
        list(compress_runs(runs, Store(tmp_path)))
