"""What a command costs: time, processor and memory; and how several are measured in turn."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SAMPLED_EVERY = 0.005  # seconds

Say: TypeAlias = "Callable[[str], object]"


class BenchError(Exception):
    """Why nothing can be measured, as one message."""


def nothing() -> None:
    """What is to be done before most commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is measured; what `before` does is not."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    before: Callable[[], object] = nothing
    product: Path | None = None


class Run(NamedTuple):
    """Seconds of one run; `cpu` is user and system time of all its processes."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The runs of one command, one for each round."""

    runs: tuple[Run, ...]
    peak: int
    size: int | None = None

    @property
    def wall(self) -> float:
        """The median of its seconds."""
        return median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """The median of its seconds of processor time."""
        return median(run.cpu for run in self.runs)


def ratio(ours: Series, *theirs: Series) -> float:
    """The median of each round's ratio, so that a slow minute of the machine weighs on both."""
    rounds = zip(ours.runs, *(each.runs for each in theirs), strict=True)
    ratios: list[float] = [first.wall / sum(run.wall for run in rest) for first, *rest in rounds]
    return median(ratios)


def total(*series: Series) -> Series:
    """What all of them cost, one after the other, in each round."""
    rounds = zip(*(each.runs for each in series), strict=True)
    runs = (Run(sum(run.wall for run in each), sum(run.cpu for run in each)) for each in rounds)
    return Series(runs=tuple(runs), peak=max(each.peak for each in series))


def alternate(commands: Mapping[str, Command], rounds: int, say: Say) -> dict[str, Series]:
    """Run all commands in turn, `rounds` times, after a round that warms up and samples memory."""
    say("memory")
    peaks, sizes = {}, {}
    for name, command in commands.items():
        peaks[name] = peak(command)
        sizes[name] = command.product.stat().st_size if command.product else None
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for name, command in commands.items():
            runs[name].append(run(command))
    return {
        name: Series(runs=tuple(runs[name]), peak=peaks[name], size=sizes[name])
        for name in commands
    }


def run(command: Command) -> Run:
    """Run it once.

    Raises:
        BenchError: if it fails, with what it printed.
    """
    command.before()
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = _start(command, output.fileno())
        _, status, usage = os.wait4(process.pid, 0)  # of all its processes, unlike getrusage(2)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        _demand_success(command, process.returncode, output.fileno())
    return Run(wall, usage.ru_utime + usage.ru_stime)


def peak(command: Command) -> int:
    """The most bytes that its processes held at one time, shared pages counted once.

    ru_maxrss would tell of the largest process alone, and of no less than this one's size.
    """
    command.before()
    most = 0
    with tempfile.TemporaryFile() as output:
        process = _start(command, output.fileno())
        while process.poll() is None:
            most = max(most, sum(map(_held, _family(process.pid))))
            time.sleep(_SAMPLED_EVERY)
        _demand_success(command, process.returncode, output.fileno())
    return most


def _start(command: Command, output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=command.env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def _demand_success(command: Command, status: int, output: int) -> None:
    if status:
        os.lseek(output, 0, os.SEEK_SET)
        printed = os.read(output, 4000).decode(errors="replace")
        told = " ".join(command.argv)
        raise BenchError(f"{told[:500]}\nfailed with exit status {status}:\n{printed}")


def _family(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # it has ended
            for child in children.read_text(encoding="ascii").split():
                yield from _family(int(child))


def _held(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    except OSError:  # it has ended
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
