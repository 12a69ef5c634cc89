"""Ends a command at one of its changes to the disk, which Python's audit hooks tell of."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from provisioning.installer.cli.command_line import main

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Hook = Callable[[str, tuple[object, ...]], None]

_CHANGES = {
    "os.chmod",
    "os.chown",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "os.utime",
}


def _is_change(event: str, arguments: tuple[object, ...]) -> bool:
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
    return event in _CHANGES or bool(writes)


class At:
    """Sends a signal before the change of that number, from 1."""

    def __init__(self, number: int, sent: int = signal.SIGKILL) -> None:
        self._left, self._sent = number, sent

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if _is_change(event, arguments):
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._sent)


class After:
    """Kills before the first change after something was given a name."""

    def __init__(self, name: str) -> None:
        self._name, self._given = name, False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._given and _is_change(event, arguments):
            os.kill(os.getpid(), signal.SIGKILL)
        self._given = self._given or (event == "os.rename" and arguments[1] == self._name)


class Full:
    """Fills the disk before the change of that number, with a file."""

    def __init__(self, number: int, filler: Path) -> None:
        self._left, self._filler = number, filler

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if _is_change(event, arguments) and self._left > 0:
            self._left -= 1
            if self._left == 0:
                self._fill()

    def _fill(self) -> None:
        file = os.open(self._filler, os.O_WRONLY | os.O_CREAT)
        with suppress(OSError):
            while True:
                os.write(file, bytes(4096))
        os.close(file)


def ended_at(hook: Hook, words: Sequence[str]) -> int:
    """Run a command of `provision` with a hook: its exit code, or the signal, negative."""
    process = os.fork()
    if not process:
        code, armed = 1, [hook]
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            for stream in (1, 2):
                os.dup2(null, stream)
            sys.addaudithook(lambda *event: [each(*event) for each in armed] and None)
            code = main(words)
        finally:
            # What measures coverage writes a file now, which no signal may meet: a process that
            # unwinds from here would go on as another pytest.
            armed.clear()
            os._exit(code)
    _, status = os.waitpid(process, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
