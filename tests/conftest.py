"""What all tests share: bounds of time, doits that are not measured, and a count of faults."""

from __future__ import annotations

import signal
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A loaded machine is no fault of the code; what must be fast is measured where it is promised.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


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
def injected(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Counts a fault of some kind ("kills") that a test injects: see the last line of a run."""
    counts: dict[str, int] = {}
    request.node.user_properties.append(("injected", counts))

    def count(kind: str) -> None:
        counts[kind] = counts.get(kind, 0) + 1

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many faults were injected, by all tests and processes of this run."""
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
