"""What is told on the way: progress on a terminal, and nothing that covers it."""

from __future__ import annotations

import os
import pty
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import pytest

from provisioning.console import Console
from provisioning.installer.cli.command_line import main

from .making import package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def terminal() -> Iterator[Callable[[], str]]:
    """Standard output and error are one terminal; the value tells what came there meanwhile."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    with (
        os.fdopen(ours, "rb", buffering=0) as screen,
        open(theirs, "w", encoding="utf-8") as stream,
        redirect_stdout(stream),
        redirect_stderr(stream),
    ):
        yield lambda: (screen.read() or b"").decode().replace("\r\n", "\n")


CLEARED = "\r     \r"


def test_progress_is_a_percentage_written_over_the_last() -> None:
    with terminal() as shown:
        console = Console()
        console.begin(200)
        console.progress(100)
        console.progress(1)  # 50.5 %: what is shown already is not shown again
        console.progress(99)
        assert shown() == "\r 50 %\r 50 %\r100 %\r100 %"


@pytest.mark.parametrize(
    ("tell", "line"),
    [
        (Console.say, "a line"),
        (Console.print, "a line"),
        (Console.complain, "provision: a line"),
        (Console.warn, "provision: warning: a line"),
    ],
)
def test_a_line_stands_alone_where_the_progress_was(
    tell: Callable[[Console, str], None], line: str
) -> None:
    with terminal() as shown:
        console = Console()
        console.begin(10)
        console.progress(5)
        shown()
        tell(console, "a line")
        assert shown() == f"{CLEARED}{line}\n"


def test_nothing_remains_of_it_at_the_end() -> None:
    with terminal() as shown:
        console = Console()
        console.begin(0)
        console.progress(0)
        console.end()
        assert shown() == f"\r  0 %\r  0 %{CLEARED}"


@pytest.mark.parametrize("silent", ["quiet", "json"])
def test_who_asks_for_less_sees_no_progress(silent: str) -> None:
    with terminal() as shown:
        console = Console(quiet=silent == "quiet", json=silent == "json")
        console.begin(10)
        console.progress(5)
        console.end()
        assert not shown()


def test_an_installation_shows_it(tmp_path: Path) -> None:
    archive = package(tmp_path, "1")
    with terminal() as shown:
        assert main(["install", str(archive), "--root", str(tmp_path)]) == 0
        before, _, after = shown().rpartition("100 %")
    assert before
    assert after.startswith(CLEARED)
