"""Standard streams that are closed, or cannot be written: no program stops at that."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = "import os, sys\nfrom provisioning import console\nconsole.mend()\n"


def run(program: str, redirected: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a program that has mended its streams."""
    shell = f'exec "$PYTHON" -c "$PROGRAM" {redirected}'
    return subprocess.run(
        ["sh", "-c", shell],
        env={**os.environ, "PYTHON": sys.executable, "PROGRAM": BEFORE + program, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("redirected", [">&-", ">/dev/full", "| true", "2>&-", "<&- >&- 2>&-"])
def test_what_cannot_be_said_stops_nobody(tmp_path: Path, redirected: str, unbuffered: str) -> None:
    program = "for each in (sys.stdout, sys.stderr): print('x' * 100_000, file=each, flush=True)\n"
    program += f"open({str(tmp_path / 'done')!r}, 'w')"
    run(program, redirected, PYTHONUNBUFFERED=unbuffered)
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("redirected", "why"),
    [(">&-", "EBADF"), (">/dev/full", "ENOSPC"), (">/dev/null", ""), ("2>/dev/full", "")],
)
def test_why_it_could_not_be_said_is_known(tmp_path: Path, redirected: str, why: str) -> None:
    told = tmp_path / "told"
    program = f"""
print("text")
fault = console.fault(sys.stdout)
import errno
open({str(told)!r}, "w").write(errno.errorcode[fault.errno] if fault else "")
"""
    run(program, redirected)
    assert told.read_text() == why


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """What a child of the program prints would end in it."""
    file = tmp_path / "file"
    program = f"file = open({str(file)!r}, 'w')\nos.system('echo child; echo child >&2')\n"
    run(program, "<&- >&- 2>&-")
    assert file.read_text() == ""


def test_what_others_have_made_impatient_is_waited_for() -> None:
    take, give = os.pipe()
    os.set_blocking(give, False)
    command = [sys.executable, "-c", f"{BEFORE}print('x' * 1_000_000)"]
    with (
        subprocess.Popen(command, stdout=give, stderr=subprocess.PIPE) as process,
        open(take, "rb") as reader,
    ):
        wait_until(lambda: not select.select([], [give], [], 0)[1])  # the pipe is full
        os.close(give)
        assert len(reader.read()) == 1_000_001
        assert process.stderr
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_what_was_said_before_comes_before() -> None:
    program = "old = sys.stdout\nprint('one')\nconsole.mend()\nprint('two')\n"
    done = run(program.replace("console.mend()", "sys.stdout = console.lasting(1, old)"))
    assert done.stdout == "one\ntwo\n"


def test_names_that_cannot_be_spelt_are_escaped() -> None:
    done = run("print('\\xf6 \\udce9')", PYTHONIOENCODING="ascii")
    assert (done.stdout, done.stderr) == ("\\xf6 \\xe9\n", "")


def test_no_line_is_turned_round() -> None:
    done = run("print('\\u202egpj \\u2066 \\xf6'); print('\\u202e', file=sys.stderr)")
    assert (done.stdout, done.stderr) == ("\\u202egpj \\u2066 ö\n", "\\u202e\n")
