"""The benchmark as a task of doit, and its options."""

from __future__ import annotations

import shlex
import sys
from typing import Any

from doit.action import CmdAction

OPTIONS = {
    "trees": "some of 1000,10000,real,100000",
    "only": "some of no-op,build,verify,xz,install,specs,platforms",
    "without": "programs to do without, and without what needs them",
    "cache": "where the wheel is kept; ~/.cache/doit-provisioning-bench",
    "scratch": "where all is made and packed; /dev/shm, where there is room",
    "disk": "where disks to install on are made, as root; /var/tmp",
    "output": "where page and plot go; doc, if everything is measured",
}
QUICK = "fewer rounds"


def task() -> dict[str, Any]:
    """What a dodo.py returns for it."""
    quick = {"name": "quick", "long": "quick", "type": bool, "default": False, "help": QUICK}
    options = [
        {"name": name, "long": name, "default": "", "help": text} for name, text in OPTIONS.items()
    ]
    return {"actions": [CmdAction(command)], "params": [quick, *options], "verbosity": 2}


def command(*, quick: bool, **chosen: str) -> str:
    """The command line: a process of its own, as what it measures are its children."""
    words = [f"--{name}={value}" for name, value in chosen.items() if value]
    words += ["--quick"] if quick else []
    return shlex.join([sys.executable, "-m", "tests.bench", *words])
