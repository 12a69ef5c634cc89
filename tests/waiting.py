"""Waiting for what happens, instead of for a time; and processes that no test leaves behind."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, AnyStr

from provisioning.builder.collect.file_state import is_settled

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path


def wait_until(
    holds: Callable[[], object], seconds: float = 30, why: Callable[[], str] = str
) -> None:
    """Wait for something that happens soon; fail, and tell `why`, where it does not."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, why() or f"has not happened within {seconds} seconds"
        time.sleep(0.01)  # between two looks


def settle(*paths: Path) -> None:
    """Wait until stamps would tell of a further change of anything at or below `paths`.

    Nothing can be made older instead: what tells is the change time, which the kernel alone sets.
    """
    stamps = {os.lstat(path).st_ctime_ns for path in paths}
    for path in paths:
        for top, folders, files in os.walk(path):
            stamps |= {os.lstat(os.path.join(top, name)).st_ctime_ns for name in folders + files}
    wait_until(lambda: all(is_settled(stamp, time.time_ns()) for stamp in stamps))


@contextmanager
def ending(process: subprocess.Popen[AnyStr]) -> Iterator[subprocess.Popen[AnyStr]]:
    """A process that has ended after the block, with the group that it leads, if it leads one."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    if os.getpgid(process.pid) == process.pid:
                        os.killpg(process.pid, signal.SIGKILL)
                process.kill()
