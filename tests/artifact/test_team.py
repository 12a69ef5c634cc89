"""Work that is shared between processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import process_pool
from provisioning.artifact.process_pool import Team, spread
from tests.waiting import ending, wait_until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=[1, 3])
def processors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """This machine with so many processors."""
    monkeypatch.setattr(process_pool, "processors", lambda: request.param)
    return int(request.param)


def _children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


@pytest.mark.parametrize("count", [50, 2345])
def test_all_is_done_once(tmp_path: Path, processors: int, count: int) -> None:
    def work(number: int) -> bool:
        with open(tmp_path / str(os.getpid()), "a") as file:
            file.write(f"{number}\n")
        return True

    with Team(work, count) as some:
        assert some.agrees()
    done = [path.read_text().split() for path in tmp_path.iterdir()]
    assert len(done) <= processors
    assert sorted(int(number) for numbers in done for number in numbers) == [*range(count)]
    assert not _children()


def test_whoever_is_done_takes_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 2)

    def work(number: int) -> bool:
        wait_until(lambda: number or (tmp_path / "7").exists())
        (tmp_path / str(number)).write_text(str(os.getpid()))
        return True

    with Team(work, 8) as some:
        assert some.agrees()
    slow, *others = (int((tmp_path / str(number)).read_text()) for number in range(8))
    assert slow not in others


@pytest.mark.usefixtures("processors")
def test_progress_is_told_until_all_is_done(tmp_path: Path) -> None:
    def work(number: int) -> bool:
        (tmp_path / str(number)).touch()
        return True

    seen = []
    with Team(work, 50) as some:
        seen += [len(list(tmp_path.iterdir())) for _ in some.progress()]
    assert seen == sorted(seen)
    assert seen[-1] == 50


@pytest.mark.usefixtures("processors")
def test_progress_ends_where_somebody_says_no(tmp_path: Path) -> None:
    with Team(lambda number: number < 3, 50) as some:
        for _ in some.progress():
            pass
        assert not some.agrees()


@pytest.mark.usefixtures("processors")
def test_one_who_says_no_is_enough() -> None:
    for wrong in (0, 17, 49):
        with Team(lambda number, wrong=wrong: number != wrong, 50) as some:  # type: ignore[misc]
            assert not some.agrees()
    assert not _children()


def test_a_process_that_fails_or_is_killed_says_no(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 2)

    def fail(number: int) -> bool:
        raise OSError(number)

    def die(number: int) -> bool:
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    for work in (fail, die):
        with Team(work, 50) as some:
            assert not some.agrees()
    assert capfd.readouterr() == ("", "")


def test_processes_end_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 3)

    def sleep(_: int) -> bool:
        time.sleep(60)  # until it is ended
        return True

    with Team(sleep, 50):
        assert len(_children()) == 3
    assert not _children()


def test_little_work_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 64)
    for count, processes in ((0, 0), (7, 0), (8, 2), (50, 12)):
        with Team(lambda _: True, count) as some:
            assert len(_children()) == processes
            assert some.agrees()


@pytest.mark.parametrize("possible", [0, 1])
def test_what_cannot_be_forked_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, possible: int
) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 3)
    fork, here = os.fork, os.getpid()

    def seldom() -> int:
        if len(_children()) == possible:
            raise BlockingIOError
        return fork()

    def work(number: int) -> bool:
        (tmp_path / str(number)).write_text(str(os.getpid()))
        return True

    monkeypatch.setattr(os, "fork", seldom)
    with Team(work, 12) as some:
        assert some.agrees()
    done = [int((tmp_path / str(number)).read_text()) for number in range(12)]
    assert [each == here for each in done] == [not possible] * 12


def test_a_process_with_threads_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 3)
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    with Team(lambda _: True, 50) as some:
        assert not _children()
        assert some.agrees()
    over.set()
    thread.join()


def test_at_ctrl_c_the_first_process_alone_says_a_word() -> None:
    script = (  # whose work lasts until the signal comes
        "import signal, time\nfrom provisioning.artifact import team\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "team.processors = lambda: 3\n"
        "with team.Team(lambda number: not time.sleep(60), 50) as some:\n"
        "    print(*some._forks.running, flush=True)\n    some.agrees()\n"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with ending(started) as process:
        assert process.stdout
        children = process.stdout.readline().split()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert errors.count("Traceback") == 1  # of the one that was asked to stop
    assert not [child for child in children if os.path.exists(f"/proc/{child}")]


@pytest.mark.parametrize("count", [0, 1, 11, 50])
def test_what_several_processes_find_comes_in_order(processors: int, count: int) -> None:
    found = spread(lambda number: (number, os.getpid()), count)
    assert [number for number, _ in found] == [*range(count)]
    processes = {process for _, process in found}
    assert len(processes) == min(processors, max(1, count // 4), count)
    assert not _children()


@pytest.mark.parametrize("number", [1, 49])
def test_what_another_process_did_not_find_is_looked_for_here(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], number: int
) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 3)
    here = os.getpid()

    def die(each: int) -> int:
        if each == number and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return each

    def fail(each: int) -> int:
        if each == number and os.getpid() != here:
            raise OSError(each)
        return each

    assert spread(die, 50) == spread(fail, 50) == [*range(50)]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("number", [0, 1])
def test_a_fault_is_raised_whichever_process_met_it(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 3)

    def fail(each: int) -> int:
        if each == number:
            raise OSError(each)
        return each

    with pytest.raises(OSError, match=str(number)):
        spread(fail, 50)
    assert not _children()


def test_what_nobody_can_be_forked_for_is_found_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 3)

    def none() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", none)
    assert spread(lambda number: number, 50) == [*range(50)]
