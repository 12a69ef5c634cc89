"""Knows how to run what may never end, or fill all memory, without harm to the build."""

from __future__ import annotations

import os
import pickle
import resource
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TypeVar

from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

CPU_SECONDS = 10
MEMORY_BYTES = 1 << 30


class ExhaustedError(BuildError):
    """The work ended without an answer."""


def limited(work: Callable[[], _T]) -> _T:
    """What `work` returns, or raises, in a child process with bounds on its time and memory.

    Raises:
        ExhaustedError: it needs too much time or memory, or was ended from outside.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _answer(work, writer)
    os.close(writer)
    try:
        with open(reader, "rb") as pipe:
            answer = pipe.read()
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(child, 0)
    if status or not answer:  # what was told may be a part
        raise ExhaustedError(_reason(status))
    good, value = pickle.loads(answer)  # noqa: S301 - from our own child
    if not good:
        raise value
    result: _T = value
    return result


def _reason(status: int) -> str:
    if not os.WIFSIGNALED(status):
        return f"needs more than {MEMORY_BYTES >> 20} MiB of memory"
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        return f"needs more than {CPU_SECONDS} s of processor time"
    return f"was ended by {signal.Signals(number).name}"


def _answer(work: Callable[[], object], writer: int) -> NoReturn:
    """Work within the limits, in the child, and never return to what the parent does next."""
    try:
        # The signal of the soft limit tells what happened; the hard one would be SIGKILL.
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        with suppress(ValueError, OSError):  # macOS has no such limit
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        try:
            answer = True, work()
        except Exception as error:  # noqa: BLE001 - the parent raises it
            answer = False, error
        with open(writer, "wb") as pipe:
            pipe.write(pickle.dumps(answer))
    finally:
        os._exit(0)
