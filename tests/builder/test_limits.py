from __future__ import annotations

import os
import pickle
import signal
import time
from types import SimpleNamespace

import pytest

from provisioning.builder.render import render
from provisioning.builder.render.render import limited
from provisioning.errors import BuildError
from tests.conftest import soon


def test_work_is_done_elsewhere_and_its_result_comes_back() -> None:
    here = os.getpid()
    assert limited(lambda: (os.getpid() != here, "x" * 1_000_000)) == (True, "x" * 1_000_000)


def test_what_it_raises_is_raised_here() -> None:
    def fail() -> None:
        raise BuildError("for this reason")

    with pytest.raises(BuildError) as caught:
        limited(fail)
    assert str(caught.value) == "for this reason"


@soon()
def test_work_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "CPU_SECONDS", 1)
    with pytest.raises(BuildError) as caught:
        limited(_spin)
    assert str(caught.value) == "needs more than 1 s of processor time"


def test_memory_is_bounded() -> None:
    with pytest.raises(MemoryError):
        limited(lambda: len(bytes(4 << 30)))


def _spin() -> None:
    while time.time():
        pass


def test_what_a_killed_process_has_told_in_part_is_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def spelt(answer: object) -> bytes:
        told = pickle.dumps(answer)
        signal.setitimer(signal.ITIMER_REAL, 0.002)  # then SIGALRM: while that much is written
        return told

    def answer() -> bytes:
        monkeypatch.setattr(
            "provisioning.builder.render.render.pickle", SimpleNamespace(dumps=spelt)
        )
        return bytes(32 << 20)  # with what the tests have loaded, below the limit of memory

    with pytest.raises(BuildError) as caught:
        limited(answer)
    assert str(caught.value) == "was ended by SIGALRM"
