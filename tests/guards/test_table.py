"""The table of guards is about the code and the tests that there are, and the page shows it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

from tests.conftest import unmeasured
from tests.doc.page import DOC

from .page import section
from .removing import ROOT
from .table import GROUPS, GUARDS, SWEEPS

PAGE = DOC / "design" / "Design_007_Faults.md"


def test_each_guard_stands_in_its_file_once() -> None:
    found = {
        (guard.path, guard.text): (ROOT / "provisioning" / guard.path)
        .read_text(encoding="utf-8")
        .count(guard.text)
        for guard in GUARDS
    }
    assert {place: count for place, count in found.items() if count != 1} == {}


def test_each_guard_is_something_that_can_be_removed_once() -> None:
    assert [guard for guard in GUARDS if guard.text == guard.instead] == []
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
