"""Chunks in the making: how many at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact.chunk import MAX
from provisioning.build.press import press, thread_count
from provisioning.build.runs import Run
from provisioning.build.store import Store

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

    runs = [Run(((f"{n:064}", MAX),), lambda n=n: chunk(n), slowly) for n in range(40)]
    store = Store(Path("nowhere/to/be/kept"))
    found = [int(each.key) for each in press(runs, store)]
    assert found == list(range(40))
    assert max(held) <= thread_count() + 2  # in the making, the first one, and the one to come
