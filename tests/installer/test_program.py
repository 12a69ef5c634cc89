"""Programs end in their time, with all that they have started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provisioning.installer.services import subprocesses
from provisioning.installer.services.subprocesses import Ended, Program, run_program
from tests.conftest import soon
from tests.waiting import ending, wait_until

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def shell(script: str, seconds: float = 20, **said: object) -> Ended:
    return run_program(Program(["sh", "-c", script], "/", ENVIRONMENT)._replace(**said), seconds)


def test_it_tells_what_was_said_and_how_it_ended(tmp_path: Path) -> None:
    assert shell("echo out; echo error >&2; exit 3") == Ended(3, False, b"out\nerror\n")
    assert shell("pwd; cat", directory=str(tmp_path)).output == f"{tmp_path}\n".encode()
    assert shell("kill -9 $$").status == -9


def test_it_has_the_environment_that_was_given_and_no_other() -> None:
    ended = run_program(Program(["/usr/bin/env"], "/", {"A": "1"}), 20)
    assert ended.output == b"A=1\n"


KNOWN = """
import os, signal
print(oct(os.umask(0)), signal.pthread_sigmask(signal.SIG_SETMASK, []))
print([each for each in signal.valid_signals() if signal.getsignal(each) == signal.SIG_IGN])
print(os.listdir("/dev/fd"))
"""


def test_it_knows_nothing_of_whoever_started_this(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", KNOWN]
    expected = run_program(Program(command, "/", ENVIRONMENT), 20)
    opened = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(opened, True)
    ignored = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1)
    umask, before = os.umask(0), {each: signal.signal(each, signal.SIG_IGN) for each in ignored}
    try:
        assert run_program(Program(command, "/", ENVIRONMENT), 20) == expected
        assert {signal.getsignal(each) for each in ignored} == {signal.SIG_IGN}
        os.umask(0o077)
        assert run_program(Program(command, "/", ENVIRONMENT), 20).output.startswith(b"0o22 ")
    finally:
        os.umask(umask)
        for each, handler in before.items():
            signal.signal(each, handler)
        os.close(opened)


@pytest.mark.needs("root")
def test_nobody_s_files_are_read_by_it_but_nobody_s() -> None:
    identity = {"user": 65534, "group": 65534, "extra_groups": []}
    assert shell("id -u; id -G", identity=identity).output == b"65534\n65534\n"


def test_of_much_that_is_said_the_end_is_kept() -> None:
    ended = shell("yes x | head -n 300000; echo last")
    assert len(ended.output) == subprocesses.OUTPUT
    assert ended.output.endswith(b"x\nlast\n")


@soon()
def test_one_that_does_not_end_is_ended() -> None:
    began = time.monotonic()
    assert shell("echo begun; sleep 60", 0.3) == Ended(-signal.SIGTERM, True, b"begun\n")
    assert time.monotonic() - began < 5


@soon()
def test_one_that_takes_no_hint_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocesses, "GRACE", 0.3)
    assert shell("trap '' TERM; echo begun; while :; do sleep 1; done", 0.3).status == -9


@pytest.mark.parametrize("end", ["exit 0", "sleep 60"])
def test_what_it_has_started_ends_with_it(tmp_path: Path, end: str) -> None:
    began = time.monotonic()
    shell(f"(trap '' TERM; sleep 61) & echo $! > {tmp_path}/pid; {end}", 0.5)
    assert time.monotonic() - began < 10
    wait_until(lambda: has_ended(int((tmp_path / "pid").read_text())))


def has_ended(pid: int) -> bool:
    """Whether a process has ended, as a zombie has."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_an_interruption_ends_it_too(tmp_path: Path) -> None:
    code = (
        # Shells have what they run in the background ignore it: the tests may run there.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from provisioning.installer.services.subprocesses import *\n"
        f"command = ['sh', '-c', 'echo $$ > {tmp_path}/pid; exec sleep 60']\n"
        "run_program(Program(command, '/', {}), 50)"
    )
    command = [sys.executable, "-c", code]
    with ending(subprocess.Popen(command, stderr=subprocess.DEVNULL)) as process:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == -signal.SIGINT
    wait_until(lambda: has_ended(int((tmp_path / "pid").read_text())))


def test_one_that_cannot_be_run_is_told() -> None:
    with pytest.raises(FileNotFoundError):
        run_program(Program(["/nowhere"], "/", {}), 1)


def test_it_has_no_input_and_no_terminal() -> None:
    asks = "import os, sys; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid())"
    code = (
        "from provisioning.installer.services.subprocesses import *\n"
        f"print(run_program(Program([{sys.executable!r}, '-c', {asks!r}], '/', {{}}), 20).output)"
    )
    said = subprocess.check_output([sys.executable, "-c", code], input=b"yes\n")
    assert said == b"b\"'' True\\n\"\n"
