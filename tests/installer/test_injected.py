"""The long sweeps on a target: a kill, and an error of the disk, at each call that changes it.

Between two calls that change the disk a kill finds the same state, so these are all there are.
"""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from provisioning.installer.cli.command_line import main

from .injecting import CHANGING, traced
from .kills import After, ended_at
from .test_kills import (
    demand_whole,
    edited,
    first,
    in_memory,
    is_left,
    purge,
    purge_left,
    rollback,
    state,
    uninstall,
    unlike,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .injecting import Traced
    from .machine import Machine

    Scenario = Callable[[Machine], list[str]]
    Count = Callable[[str], None]

pytestmark = pytest.mark.sweep
__all__ = ["in_memory"]  # the fixture


def recovery(machine: Machine) -> list[str]:
    """An upgrade was killed when its release had just become current."""
    words = [*edited(machine), "--root", str(machine.root)]
    assert ended_at(After("current"), words) == -signal.SIGKILL
    return ["recover", "/opt/greenhouse"]


SCENARIOS = [first, edited, rollback, uninstall, purge, purge_left, recovery]
RELEASES = {recovery: {"1.4.2", "1.5.0"}}
"""Of what may be left by a command that does not say which release it leads to."""


class Sweep:
    """A command that can be run again and again on the same machine."""

    def __init__(self, machine: Machine, scenario: Scenario) -> None:
        self.machine = machine
        self.words = [*scenario(machine), "--root", str(machine.root)]
        self.backup = machine.folder / "backup"
        shutil.copytree(machine.root, self.backup, symlinks=True)
        self.before, self.then = machine.version, state(machine)
        # What it loads or makes once in a process would be among the calls of the first run alone.
        assert main(self.words) == 0
        self.clean = self.run()
        assert self.clean.code == 0
        self.after, self.wanted = machine.version, state(machine)
        self.whole = RELEASES.get(scenario, {self.before, self.after})
        # What leads to the new release from whichever there is.
        self.again = self.words if scenario is not recovery else self._upgrade()

    def _upgrade(self) -> list[str]:
        (path,) = self.machine.folder.glob("greenhouse-1.5.0-*")
        return ["install", str(path), "--root", str(self.machine.root)]

    def run(self, *injections: str) -> Traced:
        """Run it on the machine as it was."""
        shutil.rmtree(self.machine.root)
        shutil.copytree(self.backup, self.machine.root, symlinks=True)
        return traced(self.machine.folder, self.words, *injections)

    def demand_convergence(self, injection: str) -> None:
        """Demand a whole release now, and the new one, with nothing left behind, once run again."""
        machine = self.machine
        demand_whole(machine, *self.whole)
        if machine.prefix.exists():
            assert machine.run("recover", "/opt/greenhouse").code == 0, injection
        demand_whole(machine, *self.whole)
        assert [*machine.root.rglob(".provisioning-*")] == [], injection
        # To install what is installed enters it in the registry, should that have failed.
        left = not self.after and is_left(machine)
        if machine.version != self.after or left or self.again[0] == "install":
            assert main(self.again) in {0, 3}, injection
        if self.after:
            machine.run("gc", "greenhouse")
        assert (injection, unlike(state(machine), self.wanted)) == (injection, {})


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_kill_at_each_system_call_leaves_the_old_or_the_new(
    in_memory: Machine, scenario: Scenario, injected: Count
) -> None:
    sweep = Sweep(in_memory, scenario)
    for injection in _kills(sweep.clean):
        injected("kills")
        assert sweep.run(injection).code == -signal.SIGKILL, injection
        sweep.demand_convergence(injection)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EROFS"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_error_at_each_system_call_is_told_and_leaves_the_old_or_the_new(
    in_memory: Machine, scenario: Scenario, error: str, injected: Count
) -> None:
    sweep = Sweep(in_memory, scenario)
    for injection in _errors(sweep.clean, error):
        injected("errors")
        done = sweep.run(injection)
        demand_hit(done.trace, injection)
        assert (injection, done.code) in {(injection, code) for code in (0, 2, 3, 4)}, done.err
        assert "Traceback" not in done.err, (injection, done.err)
        assert done.code == 0 or done.err.startswith("provision: "), (injection, done.err)
        demand_no_sync_again(done.trace)
        if sweep.after and done.code != 0 and scenario is not recovery:
            assert in_memory.version == sweep.before, (injection, done.err)
        sweep.demand_convergence(injection)


def demand_hit(trace: list[str], injection: str) -> None:
    """Demand that the error came where it was to: each run has the same calls up to there."""
    (hit,) = (line for line in trace if "(INJECTED)" in line)
    call = injection.partition(":")[0]
    assert hit.startswith(f"{call}("), (injection, hit)
    assert call != "openat" or "O_CREAT" in hit, (injection, hit)


def demand_no_sync_again(trace: list[str]) -> None:
    """Demand that no file, nor the file system, is synced once more after that failed."""
    failed = [line.partition(")")[0] for line in trace if line.startswith(("fsync", "syncfs"))
              and "(INJECTED)" in line]  # fmt: skip
    # What a directory holds changes, and is synced again; some are not there any more.
    directories = {line.rpartition("<")[2].rstrip(">") for line in trace if "O_DIRECTORY" in line}
    for call in failed:
        if call.startswith("syncfs") or call.partition("<")[2].rstrip(">") not in directories:
            assert sum(line.startswith(call) for line in trace) == 1, call


def _kills(clean: Traced) -> Iterator[str]:
    for call in CHANGING:
        for number in clean.numbers(call):
            yield f"{call}:signal=SIGKILL:when={number}"


def _errors(clean: Traced, error: str) -> Iterator[str]:
    for number in clean.numbers("openat", "O_CREAT"):
        yield f"openat:error={error}:when={number}"
    for call in CHANGING:
        for number in clean.numbers(call):
            yield f"{call}:error={error}:when={number}"
