"""Knows how to run a tool that fails at its Nth change to the disk: a program of its own.

    python -I breaking.py HOW N TOOL [ARGUMENT ...]

HOW is `kill` (SIGKILL: what a power cut or want of memory is to a program), `disk` (the system
refuses: EIO) or `count`, which breaks nothing; then the last line of standard error says how many
changes there were. They are seen by Python's audit events (sys.addaudithook), on every system
alike: each file that is opened to be written, each name that is made, moved or removed, each mode
and owner that is set.
"""

from __future__ import annotations

import errno
import os
import runpy
import signal
import sys
from typing import Any

_CHANGES = frozenset(
    f"os.{name}"
    for name in ("chmod", "chown", "link", "mkdir", "remove", "rename", "rmdir", "symlink", "utime")
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Breaking:
    """What sees each change, and breaks one."""

    def __init__(self, how: str, at: int) -> None:
        self.seen = 0
        self._how, self._at = how, at

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Be told of an event, before it happens."""
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES
        if not writes and event not in _CHANGES:
            return
        self.seen += 1
        if self.seen != self._at or self._how == "count":
            return
        if self._how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(arguments[0]))


def main() -> None:
    """Run the tool; its exit status is this program's."""
    how, at, tool, *arguments = sys.argv[1:]
    breaking = Breaking(how, int(at))
    sys.argv = [tool, *arguments]
    sys.addaudithook(breaking)
    try:
        runpy.run_path(tool, run_name="__main__")
    finally:
        if how == "count":
            print(breaking.seen, file=sys.stderr)


if __name__ == "__main__":
    main()
