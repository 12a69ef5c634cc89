"""Runs programs: hooks and health checks within their time, and commands of the system."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.service_files import BOOT
from provisioning.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

UMASK = 0o022
"""Others may read new files and not write them, as dpkg has it for its scripts."""
OUTPUT = 64 * 1024
"""How many bytes of the end of a program's output are kept."""
GRACE = 5
"""Seconds between SIGTERM and SIGKILL."""

_BLOCK = 64 * 1024


class Program(NamedTuple):
    """What is run, where, and as whom."""

    command: Sequence[str]
    directory: str
    environment: Mapping[str, str]
    identity: Mapping[str, Any] = {}
    """Arguments of Popen that say who runs it, such as `user`; none: whoever runs this."""


class Ended(NamedTuple):
    """How a program ended."""

    status: int
    """Its exit code; negative: the signal that killed it."""
    late: bool
    """Whether it was killed because its time was over."""
    output: bytes
    """The end of its standard output and standard error."""


def run_program(
    program: Program, seconds: float, begun: Callable[[int], object] = lambda _: None
) -> Ended:
    """Run a program for at most `seconds`, without standard input. Raises OSError if it cannot run.

    `begun` is called with its process id.

    It inherits no open files, no umask and no ignored signals. It has a process group of its own,
    of which no process is left when this returns: one that ran on would hold what an installation
    is about to replace.
    """
    with _started(program) as process, _listening(process) as listener:
        begun(process.pid)
        late = not listener.listen(seconds)
        if late:
            _signal(process, signal.SIGTERM)  # guard: hook-ended
            if not listener.listen(GRACE):
                _signal(process, signal.SIGKILL)  # guard: hook-killed
                listener.listen(GRACE)
        return Ended(process.wait(), late, listener.heard())


@contextmanager
def _started(program: Program) -> Iterator[subprocess.Popen[bytes]]:
    with _nothing_ignored():  # guard: signals-of-a-hook
        process = subprocess.Popen(  # noqa: S603 - what an installation was asked to run
            program.command,
            stdin=subprocess.DEVNULL,  # guard: input-of-a-hook
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=program.directory,
            env=program.environment,
            umask=UMASK,  # guard: umask-of-a-hook
            start_new_session=True,  # guard: session-of-a-hook
            **program.identity,
        )
    try:
        yield process
    finally:  # also those that it has left behind, and after an interruption
        _signal(process, signal.SIGKILL)  # guard: children-of-a-hook
        process.wait()
        if process.stdout:
            process.stdout.close()


@contextmanager
def _nothing_ignored() -> Iterator[None]:
    """Let programs that are started meanwhile ignore no signal, whatever this process ignores.

    A script could not even set a trap for an ignored signal. A signal with a handler has its
    default action in a new program.
    """
    ignored = [each for each in signal.valid_signals() if signal.getsignal(each) == signal.SIG_IGN]
    for each in ignored:
        signal.signal(each, lambda *_: None)
    try:
        yield
    finally:
        for each in ignored:
            signal.signal(each, signal.SIG_IGN)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left, or a zombie on macOS
        os.killpg(process.pid, number)


@contextmanager
def _listening(process: subprocess.Popen[bytes]) -> Iterator[_Listener]:
    ended, end = os.pipe()

    def wait() -> None:
        process.wait()
        os.close(end)

    # The pipe alone does not tell: a child that the program has left behind can hold it open.
    threading.Thread(target=wait, daemon=True).start()
    try:
        yield _Listener(process, ended)
    finally:
        os.close(ended)


class _Listener:
    """Reads the output of a process, and notices its end."""

    def __init__(self, process: subprocess.Popen[bytes], ended: int) -> None:
        self._output = process.stdout.fileno() if process.stdout else -1
        self._ended = ended
        self._heard = b""
        os.set_blocking(self._output, False)

    def listen(self, seconds: float) -> bool:
        """Listen for at most `seconds`, and return whether the process has ended."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._ended, selectors.EVENT_READ)
            selector.register(self._output, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                ready = {key.fd for key, _ in selector.select(left)}
                if self._output in ready and not self._hear():
                    selector.unregister(self._output)
                if self._ended in ready:
                    return True
        return False

    def heard(self) -> bytes:
        """Return the end of all output."""
        while self._hear():
            pass
        return self._heard

    def _hear(self) -> bool:
        """Read output, and return whether there may be more."""
        try:
            said = os.read(self._output, _BLOCK)
        except BlockingIOError:
            return False
        self._heard = (self._heard + said)[-OUTPUT:]  # guard: end-of-what-is-said
        return bool(said)


SYSTEM = Path("/")
_BOOTED = "/run/systemd/system"  # sd_booted(3)
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_COLORS": "0"}


class System(NamedTuple):
    """A machine, or a directory that stands for its root."""

    root: Path
    runs: bool
    """Whether its service manager runs, and may be asked by this user."""
    boots: bool = False
    """Whether the machine is booting, and starts its services after this."""


class ServiceFile(NamedTuple):
    """A unit or property list: what a service manager reads."""

    data: bytes
    mode: int


class State(NamedTuple):
    """The state of a service."""

    active: str
    """`active` if it runs, `inactive` if it has ended well or was stopped, or another word."""
    pid: int
    """Of its main process, 0 if none runs."""
    told: str
    """The state in words."""


def at(root: Path, manager: str) -> System:
    """Return the system at `root`, for a service manager."""
    running = {"systemd": os.path.isdir(_BOOTED), "launchd": sys.platform == "darwin"}
    runs = root == SYSTEM and os.geteuid() == 0 and running.get(manager, False)
    return System(root, runs, runs and is_starting())


def is_starting() -> bool:
    """Whether the machine is booting, and runs this before its services."""
    return BOOT in os.environ


def run(command: Sequence[str], patience: int) -> str:
    """Run a command of the system, and return its output. Raises TargetError if it fails."""
    result = _result(command, patience)
    if result.returncode != 0:
        said = first_line(result.stderr or result.stdout) or f"ended with {result.returncode}"
        raise TargetError(f"{' '.join(command)}: {said}")
    return result.stdout


def asked(command: Sequence[str], patience: int) -> str:
    """Return the output of a command, even if it fails. Raises TargetError if it cannot run."""
    return _result(command, patience).stdout


def has(program: str) -> bool:
    """Whether there is a command of the system of this name."""
    return shutil.which(program, path=_ENVIRONMENT["PATH"]) is not None


def first_line(text: str) -> str:
    """Return the first line that is not blank."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _result(command: Sequence[str], patience: int) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - the commands are this program's own
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=_ENVIRONMENT,
            umask=UMASK,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TargetError(f"{' '.join(command)}: did not end within {patience} seconds") from None
    except OSError as error:
        raise TargetError(f"{command[0]}: {error.strerror}") from None
