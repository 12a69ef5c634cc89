"""The table of guards is about the code and the tests that there are, and the page shows it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.conftest import unmeasured
from tests.doc.page import DOC

from .marks import ROOT, marks
from .page import section
from .removing import without
from .table import GROUPS, GUARDS, SWEEPS

if TYPE_CHECKING:
    from .guard import Guard

PAGE = DOC / "design" / "Design_007_Faults.md"


def test_each_mark_stands_once_and_a_guard_is_there_for_it() -> None:
    counted = Counter(mark.name for mark in marks())
    assert {name: count for name, count in counted.items() if count != 1} == {}
    named = {guard.mark for guard in GUARDS}
    assert {*counted} ^ named == set(), "a mark without a guard, or a guard without its mark"


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.mark}: {guard.test}")
def test_each_guard_can_be_removed(guard: Guard) -> None:
    path, source = without(guard)
    assert _meaning(source) != _meaning(path.read_text(encoding="utf-8"))


def _meaning(source: str) -> str:
    return ast.dump(ast.parse(source))


def test_no_guard_is_entered_twice() -> None:
    assert [guard for guard, count in Counter(GUARDS).items() if count > 1] == []


def test_each_fault_has_a_guard() -> None:
    assert [fault.what for group in GROUPS for fault in group.faults if not fault.guards] == []


def test_each_test_that_is_named_exists() -> None:
    named = {*(guard.test for guard in GUARDS), *SWEEPS}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", "-p", "no:xdist"]
    with unmeasured():
        done = subprocess.run(
            [*command, *(f"tests/{test}" for test in sorted(named))],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_the_page_shows_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    missing = [group.occasion for group in GROUPS if section(group) not in text]
    assert missing == [], "python -m tests.guards.page prints what belongs there"
