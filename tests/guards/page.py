"""Prints the table of faults as the page Design 007 shows it: `python -m tests.guards.page`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from .table import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .guard import Fault, Group


def section(group: Group) -> str:
    """The heading and the table of a group."""
    rows = "\n".join(map(_row, group.faults))
    return f"## {group.occasion}\n\n| fault | result | proved by |\n|---|---|---|\n{rows}\n"


def _row(fault: Fault) -> str:
    tests = [*(guard.test for guard in fault.guards), *fault.sweeps]
    return f"| {fault.what} | {fault.outcome} | {_proofs(tests)} |"


def _proofs(tests: Iterable[str]) -> str:
    """Tests by their files, each in the words of its name."""
    # A test of which several cases are named is one.
    named = sorted({test.partition("[")[0] for test in tests})
    by_file = groupby((name.partition("::")[::2] for name in named), key=lambda each: each[0])
    return "; ".join(_file(path, (test for _, test in found)) for path, found in by_file)


def _file(path: str, tests: Iterable[str]) -> str:
    words = ", ".join(test.removeprefix("test_").replace("_", " ") for test in tests)
    link = f"[{path.removesuffix('.py')}](../../tests/{path})"
    return f"{link}: {words}" if words else link


if __name__ == "__main__":
    print("\n".join(map(section, GROUPS)))
