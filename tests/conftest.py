"""What all tests share: bounds of time, what they need of the machine, and a count of faults."""

from __future__ import annotations

import os
import signal
import tempfile
from collections import Counter
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests import needs

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

# A loaded machine is no fault of the code; what must be fast is measured where it is promised.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

collect_ignore = ["greenhouse"]  # a project with a test of its own

# Modules of doit's commands that are no more: doit would find them where they were installed.
_FORMER = ("provisioning.plugin.commands.own",)


@contextmanager
def unmeasured() -> Iterator[None]:
    """Have coverage pass over the processes that are started here: it costs more than they do.

    For what prepares a test, and for what other tests have measured.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@contextmanager
def soon(seconds: int = 10) -> Iterator[None]:
    """Fail where the block has not ended by then: what hangs would tell nobody why."""

    def end(*_: object) -> None:
        raise AssertionError(f"has not ended within {seconds} seconds")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def open_path() -> Iterator[Path]:
    """An empty directory that every user can reach.

    `tmp_path` is none, even with its modes changed: each pytest that starts on this machine, also
    one that a test starts, closes what holds those of all again.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(os.path.realpath(folder))
        path.chmod(0o755)
        yield path


@pytest.fixture
def injected(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Counts a fault of some kind ("kills") that a test injects: see the last line of a run."""
    counts: dict[str, int] = {}
    request.node.user_properties.append(("injected", counts))

    def count(kind: str) -> None:
        counts[kind] = counts.get(kind, 0) + 1

    return count


def pytest_addoption(parser: pytest.Parser) -> None:
    """A run that may leave nothing out, as CI's."""
    told = "fail before the first test where this machine lacks what one needs"
    parser.addoption("--everything", action="store_true", help=told)


def pytest_configure(config: pytest.Config) -> None:
    """Find tools where a user who is not root has them; refuse to leave out what must not be.

    Raises:
        UsageError: with all that is missing.
    """
    if any(entry_points(group="doit.COMMAND", module=each) for each in _FORMER):
        told = "pyproject.toml names other commands than are installed"
        raise pytest.UsageError(f"{told}: run .venv/bin/pip install -q -e '.[test]'")
    os.environ["PATH"] = needs.search_path()
    os.environ.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # users have it not, and byte code is in the way
    if config.getoption("everything"):
        sweep = "not sweep" not in config.getoption("markexpr")
        if missing := needs.unmet(sweep=sweep):
            told = "".join(f"\n  {need}: {needs.advice(need)}" for need in missing)
            raise pytest.UsageError(f"--everything, but this machine lacks what tests need:{told}")


@pytest.hookimpl(tryfirst=True)  # before fixtures that call the tools
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what this machine cannot judge; the end of the run tells it."""
    asked = dict.fromkeys(need for mark in item.iter_markers("needs") for need in mark.args)
    for need in asked:
        assert needs.known(need), f"{need!r} is not in tests/needs.py"
    if missing := [need for need in asked if not needs.met(need)]:
        item.user_properties.append(("missing", missing))
        pytest.skip(f"needs {', '.join(missing)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave out a test that calls a program which is missing, as one that says so before."""
    report = yield
    error = call.excinfo.value if call.excinfo else None
    need = needs.brought_by(str(error.filename)) if isinstance(error, FileNotFoundError) else ""
    if need and not needs.met(need):
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"needs {need}")
        report.user_properties.append(("missing", [need]))
    return report


@pytest.hookimpl(trylast=True)  # behind the table of coverage
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many faults were injected, and what was left out, by all processes of this run."""
    _tell_faults(terminalreporter)
    _tell_left_out(terminalreporter)


def _tell_faults(terminalreporter: pytest.TerminalReporter) -> None:
    total, violations = Counter[str](), 0
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            counts = dict(report.user_properties).get("injected") if report.when == "call" else None
            if counts is not None:
                total.update(counts)
                violations += report.failed
    if total:
        told = ", ".join(f"{number:,} {kind}" for kind, number in sorted(total.items()))
        terminalreporter.write_line(f"faults injected: {told}; {violations} violations")


def _tell_left_out(terminalreporter: pytest.TerminalReporter) -> None:
    left = Counter[str]()
    for report in terminalreporter.stats.get("skipped", ()):
        left.update(dict(report.user_properties).get("missing", ()))
    if left:
        terminalreporter.section("left out, since this machine lacks what they need")
        width = max(map(len, left))
        for need, number in left.most_common():
            advice = needs.advice(need)
            terminalreporter.write_line(f"{number:5} tests need {need:{width}}  {advice}")
