"""`doit -n` with a worker that is killed: told, and soon; nothing is left half-made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import soon

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

DODO = """
import os, signal, sys, time
from pathlib import Path
from provisioning.plugin import configure, tasks
DOIT_CONFIG = configure()

def end_others():
    frame = sys._getframe()
    while "job_q" not in frame.f_locals:
        frame = frame.f_back
    lock = frame.f_locals["job_q"]._rlock
    while lock.acquire(block=False):  # nobody waits for something to do
        lock.release()
        time.sleep(0.01)
    parent = os.getppid()
    for process in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if int(process) != os.getpid():
            os.kill(int(process), signal.SIGKILL)

def end_soon():
    os.kill(os.getpid(), signal.SIGKILL)

def task_provisioning():
    yield from tasks()

def task_dies():
    return {"actions": [end_soon]}

def task_exits():
    return {"actions": [lambda: os._exit(7)]}

def task_fails():
    return {"actions": [lambda: sys.exit("enough")]}

def task_kills():
    return {"actions": [end_others]}

def task_after():
    return {"actions": [end_soon], "task_dep": ["kills"]}

def task_waits():
    return {"actions": [lambda: time.sleep(60)]}  # until it is ended
"""

AGAIN = "run `doit` again to continue"


@pytest.fixture
def restless(project: Project) -> Project:
    """A project with tasks that end workers."""
    project.write("dodo.py", DODO)
    return project


@pytest.mark.parametrize("other", [[], ["waits"]], ids=["alone", "beside another"])
def test_a_worker_that_is_killed_ends_the_run(restless: Project, other: list[str]) -> None:
    with soon():
        said = restless.doit("-n", "2", "dies", *other, status=3)
    killed = "was killed by SIGKILL, perhaps because memory ran out"
    left = ", ".join(["dies", *other])
    assert said.splitlines()[-2:] == [
        "Stopped; done: 0 tasks.",
        f"ERROR: a worker of `doit -n` {killed}; not finished: {left}; {AGAIN}",
    ]


@pytest.mark.needs("Linux")
def test_a_worker_that_is_killed_while_it_waits_ends_the_run(restless: Project) -> None:
    """It has the lock of the queue then, and nobody else could ever take a task."""
    with soon():
        said = restless.doit("-n", "2", "after", status=3)
    assert said.splitlines()[-1].startswith("ERROR: a worker of `doit -n` was killed by SIGKILL")


def test_a_worker_that_ends_by_itself_is_told(restless: Project) -> None:
    with soon():
        said = restless.doit("-n", "2", "exits", status=3)
    told = "ERROR: a worker of `doit -n` ended with exit status 7; not finished: exits"
    assert said.splitlines()[-1].startswith(told)


def test_what_a_task_itself_says_comes_through(restless: Project) -> None:
    with soon():
        assert "enough" in restless.doit("-n", "2", "fails", status=1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda each: each.name)
def test_nothing_is_left_of_a_worker_that_was_killed(
    project: Project, number: signal.Signals
) -> None:
    project.edit("specs/demo.yaml", "mac-mini: {}", "mac-mini: {formats: [tar.gz, dir]}")
    with project.start_on_a_slow_disk("-n", "2", "package") as (process, worker):
        os.kill(worker, number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 3, output
    assert list(project.root.glob("artifacts/*/.*.tmp")) == []
    assert list(project.root.glob("artifacts/.work/**/.*.tmp")) == []


@pytest.mark.needs("root", "Linux")
def test_where_processes_cannot_work_together_threads_can(project: Project) -> None:
    command = f"mount -t tmpfs -o ro none /dev/shm && {sys.executable} -m doit -n 2"
    shell = ["unshare", "-m", "sh", "-c"]
    told = "ERROR: cannot start worker processes: Read-only file system;"
    for words, status, said in (
        ("", 3, f"{told} `doit -n 2 -P thread` uses threads instead\n"),
        ("-P thread", 0, ""),
    ):
        done = subprocess.run(
            [*shell, f"{command} {words} render"],
            cwd=project.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (status, said)
