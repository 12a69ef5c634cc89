"""What doit shows of our stages: a line that moves on a terminal, and plain lines elsewhere."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest

from provisioning.builder.workspace import progress
from provisioning.builder.workspace.progress import Progress
from provisioning.plugin.reporter import told
from tests.plugin.conftest import AS_USUAL, DODO, FILES, Project

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ERASE = "\r\x1b[K"
# Each stage takes as long as somebody needs to see it.
SLOW = f"""
import time
from provisioning.builder.archive import pack
from provisioning.builder.workspace import progress
at_once = pack.pack
def slow(*args, **kwargs):
    found = at_once(*args, **kwargs)
    time.sleep(0.9)
    return found
pack.pack = slow
{DODO}
"""


def on_terminal(
    project: Project, *words: str, env: Mapping[str, str] | None = None, columns: int = 100
) -> str:
    """What `doit` writes to a terminal."""
    process, descriptor = pty.fork()
    if not process:
        os.chdir(project.root)
        for name in ("NO_COLOR", "COLUMNS"):
            os.environ.pop(name, None)
        os.environ.update({"TERM": "xterm", **(env or {})})
        os.execv(sys.executable, [sys.executable, "-m", "doit", *words])
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("4H", 40, columns, 0, 0))
    written = b""
    try:
        while more := os.read(descriptor, 65536):
            written += more
    except OSError:  # its other end is closed
        pass
    os.close(descriptor)
    os.waitpid(process, 0)
    return written.decode().replace("\r\n", "\n")


@pytest.fixture
def slow(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", {**FILES, "dodo.py": SLOW})


@pytest.mark.parametrize("words", [(), ("-n", "2"), ("-n", "2", "-P", "thread")])
def test_a_line_tells_what_runs_and_goes(slow: Project, words: tuple[str, ...]) -> None:
    shown = on_terminal(slow, *words)
    drawn = re.findall(r"\r\x1b\[K\x1b\[1m(archive:demo:[a-z-]+)\x1b\[0m  ([^\r]*)", shown)
    assert drawn, shown
    assert all(re.search(r"[0-9]+ s( left)?( {2}and 1 more)?$", rest) for _, rest in drawn)
    assert any("chunks packed" in rest for _, rest in drawn)
    *_, last = shown.splitlines()
    assert last == "Done: 10 tasks."
    assert "\x1b" not in shown.rpartition(ERASE)[2]


def test_a_terminal_shows_why_and_how_large(slow: Project) -> None:
    shown = on_terminal(slow, "package:demo:mac-mini", "verify:demo:mac-mini")
    assert ".  collect:demo:mac-mini: never run before\n" in shown
    slow.write("src/main.py", "print('another')\n" * 9)
    shown = on_terminal(slow, "package:demo:mac-mini", "port=9090")
    assert ".  collect:demo:mac-mini: src/main.py: content\n" in shown
    assert ".  render:demo:mac-mini: port: 8080 → 9090\n" in shown
    slow.write("src/main.py", "print('a third')\n" * 99)
    shown = on_terminal(slow)
    about = re.search(r"verified artifacts/demo-1.0-mac-mini/.*\.tar\.gz {2}\((.*)\)\n", shown)
    assert about
    assert re.fullmatch(r"4 files, [0-9.]+K, [+-][0-9]+ bytes, [0-9.]+ s", about[1])
    assert ".  archive:demo:mac-mini: what was collected or rendered has changed\n" in shown
    assert ".  hash:demo:mac-mini: the artifacts have changed\n" in shown


def test_each_artifact_has_the_seconds_of_its_own_platform(slow: Project) -> None:
    slow.edit("specs/demo.yaml", "mac-mini: {}", "raspberry-pi-bookworm: {}")
    shown = on_terminal(slow)
    verified = re.findall(r"verified \S+/(demo[^/ ]*) {2}\(([^)]*)\)\n", shown)
    assert len(verified) == 4
    assert all(re.fullmatch(r"4 files, [0-9.]+K, [0-9.]+ s", about) for _, about in verified), (
        verified
    )


def test_nothing_to_do_is_one_line_everywhere(built: Project) -> None:
    line = "Nothing to do: 10 tasks up to date.\n"
    assert built.doit() == on_terminal(built) == line


@pytest.mark.parametrize(
    ("env", "columns"),
    [({"TERM": "dumb"}, 100), ({"TERM": ""}, 100), ({}, 12)],
)
def test_where_no_line_can_move_lines_are_plain(
    slow: Project, env: dict[str, str], columns: int
) -> None:
    shown = on_terminal(slow, env=env, columns=columns)
    assert "archive:demo:mac-mini" in shown
    assert "\x1b[1m" not in shown


def test_no_color_leaves_the_line_plain(slow: Project) -> None:
    shown = on_terminal(slow, env={"NO_COLOR": "1"})
    assert f"{ERASE}archive:demo:" in shown
    assert "\x1b[1m" not in shown


def test_a_narrow_terminal_has_a_short_line(slow: Project) -> None:
    shown = on_terminal(slow, env={"NO_COLOR": "1"}, columns=30)
    drawn = re.findall(r"\r\x1b\[K(archive:[^\r\n]*)", shown)
    assert drawn
    assert all(len(each) < 30 for each in drawn)


def test_a_pipe_has_no_control_characters(slow: Project) -> None:
    shown = slow.doit()
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert shown.startswith(".  collect:demo:mac-mini\n")


def test_tasks_of_the_project_are_shown_as_doit_shows_them(slow: Project) -> None:
    more = "def task_mine():\n    return {'actions': ['echo mine; sleep 0.8'], 'verbosity': 2}\n"
    slow.write("dodo.py", SLOW + more + "def task_idle():\n    return {'actions': ['true'],"
               " 'uptodate': [True]}\n")  # fmt: skip
    shown = on_terminal(slow, "mine", "idle", "package")
    assert ".  mine\nmine\n" in shown
    assert "mine" not in "".join(re.findall(r"\r\x1b\[K([^\r]*)", shown))
    assert "-- idle\n" in on_terminal(slow, "idle")


def test_a_fault_stands_below_the_line(slow: Project) -> None:
    slow.write("config/demo.ini.j2", "{{ nothing }}\n")
    shown = on_terminal(slow)
    assert "!! render:demo:mac-mini failed\n" in shown
    assert re.search(r"\nFailed: 2 tasks; done: [0-9]+ tasks\.\n$", shown)


def test_ctrl_c_leaves_a_whole_line(slow: Project) -> None:
    slow.write("dodo.py", SLOW.replace("0.9", "30"))
    process, descriptor = pty.fork()
    if not process:
        os.chdir(slow.root)
        os.environ["TERM"] = "xterm"
        os.execvp(AS_USUAL[0], [*AS_USUAL, sys.executable, "-m", "doit"])
    written = b""
    deadline = time.monotonic() + 60
    while b"archive:demo:mac-mini\x1b[0m" not in written and time.monotonic() < deadline:
        written += os.read(descriptor, 65536)
    os.kill(process, signal.SIGINT)
    try:
        while more := os.read(descriptor, 65536):
            written += more
    except OSError:
        pass
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert "Traceback" not in written.decode()
    shown = written.decode().rpartition(ERASE)[2]
    assert shown.startswith("Stopped; done: 2 tasks.\r\n")
    assert shown.endswith("run `doit` again to continue\r\n")


def test_what_is_counted_is_seen_until_it_ends() -> None:
    progress.watch()
    with progress.counted("archive:demo:pi"):
        progress.count(total=100)
        progress.count(done=40, packed=1, reused=2, files=3)
        (seen,) = progress.seen()
        assert seen._replace(began=0) == Progress(0, 3, 40, 100, 2, 1, "archive:demo:pi")
    assert progress.seen() == []
    progress.count(done=1)  # of no stage


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (Progress(0, stage="a"), "a  4 s"),
        (Progress(0, 7, 1024, 4096, stage="a"), "a  7 files, 1.0K of 4.0K, 12 s left"),
        (Progress(0, 0, 5, 0, 1, 2, "a"), "a  5 bytes, 2 chunks packed, 1 reused, 4 s"),
        (Progress(3.5, 0, 1, 4, stage="a"), "a  1 bytes of 4 bytes, 0 s"),
    ],
)
def test_the_line_says_how_much_and_how_long(seen: Progress, text: str) -> None:
    assert told([seen], 4) == text
    assert told([seen, seen], 4) == f"{text}  and 1 more"
