"""Runs a command of `provision` under strace, which has one of its system calls go wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import NamedTuple

from provisioning import console
from provisioning.installer.cli.command_line import main

CHANGING = (
    "fchmod", "fchown", "fchownat", "flock", "fsync", "ftruncate", "linkat", "mkdirat", "renameat",
    "rmdir", "symlinkat", "syncfs", "unlink", "unlinkat", "utimensat", "write",
)  # fmt: skip


class Traced(NamedTuple):
    """How a command ended."""

    code: int
    """Its exit code; a signal that killed it, negative."""
    err: str
    trace: list[str]
    """Its system calls, one a line, with the paths of descriptors."""

    def numbers(self, call: str, pattern: str = "") -> list[int]:
        """Which of its calls of that name, from 1, look like that."""
        lines = [line for line in self.trace if line.startswith(f"{call}(")]
        return [number for number, line in enumerate(lines, 1) if re.search(pattern, line)]


def traced(folder: Path, words: list[str], *injections: str) -> Traced:
    """Run a command in a process of its own, as strace has it; see its option `inject`."""
    log, err = folder / "trace", folder / "err"
    (ready, tell), (waiting, go) = os.pipe(), os.pipe()
    process = os.fork()
    if not process:
        _run(words, err, tell, waiting)
    os.close(tell)
    # Calls are told apart by their numbers: those that prepare it must all be over.
    assert os.read(ready, 1)
    # openat is traced too: it is the one call that both reads and makes.
    options = ["-y", "-o", str(log), "-e", f"trace=openat,{','.join(CHANGING)}"]
    for injection in injections:
        options += ["-e", f"inject={injection}"]
    command = ["strace", *options, "-p", str(process)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        assert "attached" in said, said
        os.write(go, b"!")
        _, status = os.waitpid(process, 0)
    for descriptor in (ready, waiting, go):
        os.close(descriptor)
    code = os.waitstatus_to_exitcode(status)
    return Traced(code, err.read_text(), log.read_text().splitlines())


def _run(words: list[str], err: Path, tell: int, waiting: int) -> None:
    code = 99
    try:
        for number, path in ((1, Path(os.devnull)), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout, sys.stderr = map(console.lasting, (1, 2))
        os.write(tell, b"!")
        os.read(waiting, 1)
        code = main(words)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
