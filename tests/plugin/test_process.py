"""What a user's process is while our tasks run, and that it is as before once they have."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import DODO

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

# A program that calls doit, as its documentation says, and looks at its own process.
PROGRAM = """
import atexit, gc, json, os, signal, sys, threading
hooks = []
os.register_at_fork = lambda **hook: hooks.append(hook)

def state():
    numbers = ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGALRM")
    return {
        **{name: str(signal.getsignal(getattr(signal, name))) for name in numbers},
        "collector": gc.get_threshold(),
        "enabled": gc.isenabled(),
        "excepthook": repr(sys.excepthook),
        "unraisablehook": repr(sys.unraisablehook),
        "stdout": repr(sys.stdout),
        "stderr": repr(sys.stderr),
        "kept": [sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
        "threads": threading.active_count(),
        "umask": os.umask(os.umask(0o22)),
        "forks": len([hook for hook in hooks if "provisioning" in repr(hook)]),
        "ends": atexit._ncallbacks(),
    }

import logging, multiprocessing.util  # each registers something of its own
from doit.doit_cmd import DoitMain
import builtins
builtins.states = [state()]
builtins.state = state
codes = [DoitMain().run(words.split()) for words in sys.argv[1:]]
print(json.dumps([*builtins.states, state()]), file=sys.stderr)
"""
LOOK = """
def task_look():
    return {"actions": [lambda: states.append(state())]}
"""


def states(project: Project, *commands: str) -> list[dict[str, object]]:
    project.write("dodo.py", DODO + LOOK)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *commands],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, object]] = json.loads(done.stderr.splitlines()[-1])
    return found


@pytest.mark.parametrize("commands", [["run look package"], ["list"], ["nonsense"], ["clean"]])
def test_all_is_put_back(project: Project, commands: list[str]) -> None:
    before, *_, after = states(project, *commands)
    assert before == after


def test_while_tasks_run_a_signal_ends_them_in_order(project: Project) -> None:
    before, during, _ = states(project, "run look")
    changed = {name for name in before if before[name] != during[name]}
    assert changed <= {
        "SIGINT", "SIGTERM", "SIGHUP", "collector", "unraisablehook", "stdout", "stderr", "kept"
    }  # fmt: skip
    assert {"SIGINT", "SIGTERM", "SIGHUP", "collector"} <= changed


def test_a_dodo_py_that_asks_for_no_tasks_changes_nothing(project: Project) -> None:
    project.write("dodo.py", "from provisioning.plugin import configure\nconfigure()\n" + LOOK)
    before, *_ = states(project)
    project.write("dodo.py", "from provisioning.plugin import configure\nconfigure()\n" + LOOK)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "run look"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=True,
    )
    _, during, after = json.loads(done.stderr.splitlines()[-1])
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "collector", "unraisablehook"):
        assert during[name] == after[name] == before[name]


def test_a_child_that_a_task_forks_just_dies_of_a_signal(project: Project) -> None:
    task = """
import os, signal, time

def fork():
    forked, tell = os.pipe()
    child = os.fork()
    if not child:
        os.write(tell, b"!")
        time.sleep(60)  # until the signal comes
        os._exit(0)
    os.read(forked, 1)
    os.kill(child, signal.SIGTERM)
    print("ended by", -os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

def task_forks():
    return {"actions": [fork], "verbosity": 2}
"""
    project.write("dodo.py", DODO + task)
    said = project.doit("forks")
    assert f"ended by {int(signal.SIGTERM)}\n" in said
    assert "stopped" not in said


LISTS = """
import sys
from doit.doit_cmd import DoitMain
print(DoitMain().run(["list"]))
sys.stdout.flush()
"""


def test_a_stream_that_cannot_be_used_stays_replaced(project: Project) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", LISTS],
            cwd=project.root,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    told = "ERROR: standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (0, told)
