"""Commands are measured with all their processes; what cannot be measured is an error."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import measure, tools
from .__main__ import main
from .measure import BenchError, Command, alternate, peak, run
from .task import command as task_command
from .trees import WHEEL, fetch, generated

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD = 60_000_000


def shell(script: str, product: Path | None = None) -> Command:
    return Command(argv=("sh", "-c", script), cwd=Path(), env=os.environ, product=product)


HOLDS = """
import os, sys, time
place, mode = sys.argv[1:]
held = bytes(1) * %d
open(place + "/pipe", mode)
open(place + "/" + mode, "w")
while not os.path.exists(place + "/measured"):
    time.sleep(0.01)
"""


def test_peak_memory_is_that_of_all_processes_at_one_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")  # whose two ends wait for each other
    family, seen, rounds = measure._family, list[int](), list[int]()

    def watched(process: int) -> Iterator[int]:
        seen.append(process)
        both = (tmp_path / "r").exists() and (tmp_path / "w").exists()
        if both and process == seen[0]:  # the shell, with which each round begins
            rounds.append(process)
        if len(rounds) > 1:  # both held all through the first of them
            (tmp_path / "measured").touch()
        return family(process)

    monkeypatch.setattr(measure, "_family", watched)
    hold = f"'{sys.executable}' -c '{HOLDS % HELD}' '{tmp_path}'"
    assert 2 * HELD < peak(shell(f"{hold} r & {hold} w & wait")) < 3 * HELD


def test_commands_run_in_turn_after_a_round_for_memory(tmp_path: Path) -> None:
    log = tmp_path / "log"
    commands = {name: shell(f"printf {name} >> '{log}'", log) for name in "ab"}
    measured = alternate(commands, 2, str)
    assert log.read_text() == "ababab"
    assert [len(series.runs) for series in measured.values()] == [2, 2]
    assert [series.size for series in measured.values()] == [1, 2]


def test_a_command_that_fails_is_told_with_what_it_printed() -> None:
    with pytest.raises(BenchError) as caught:
        run(shell("echo no room; exit 3"))
    assert str(caught.value) == "sh -c echo no room; exit 3\nfailed with exit status 3:\nno room\n"


def test_a_missing_program_is_told_with_how_to_install_it_and_how_to_do_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BenchError) as caught:
        tools.demand(["tar", "pigz"])
    assert str(caught.value) == (
        "these programs are missing; install them\n"
        "  pigz: apt-get install pigz\n"
        "  tar: apt-get install tar\n"
        "or do without: doit bench --without=pigz,tar"
    )


def test_a_wheel_that_is_another_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(b"another")
    with pytest.raises(BenchError, match=r"its SHA-256 is .*, not .*; remove it, run again"):
        fetch(tmp_path)


def test_a_name_that_nothing_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only=build,nop"]) == 2
    told = capsys.readouterr().err
    assert told == "bench: 'nop' is none of no-op, build, verify, xz, install, specs, platforms\n"


def test_the_options_of_the_task_are_those_of_the_command_line() -> None:
    told = task_command(quick=True, trees="1000,real", only="", without="nfpm")
    assert told == f"{sys.executable} -m tests.bench --trees=1000,real --without=nfpm --quick"


def test_a_generated_tree_is_the_same_everywhere_and_the_beginning_of_a_larger_one(
    tmp_path: Path,
) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    generated(60).make(small)
    generated(90).make(large)
    assert contents(small) == contents(large)[:60]
    digest = hashlib.sha256(repr(contents(small)).encode()).hexdigest()
    assert digest == "797e6eab665f870ad7013f23ff86db9c2ef46797f314571537ddc06afc8bebaf"


def contents(root: Path) -> list[tuple[str, int, bytes]]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return [(str(path.relative_to(root)), path.stat().st_mode, path.read_bytes()) for path in files]
