"""Without its guard, each fault is one: the test that is named for it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .guard import Guard
from .how import library
from .removing import Copy
from .table import GUARDS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.sweep

# Says where the program lies that a test runs, and one that a process of the test's runs.
_WHERE = """
import subprocess, sys
import provisioning

def test_it() -> None:
    code = "import provisioning; print(provisioning.__file__)"
    below = subprocess.check_output([sys.executable, "-c", code], cwd="/", text=True)
    print(f"\\nhere {provisioning.__file__}\\nbelow {below}")
    assert False
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("repository"))


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.mark}: {guard.test}")
def test_without_its_guard_a_test_fails(copy: Copy, guard: Guard) -> None:
    ran = copy.run_without(guard)
    assert ran.has_failed(), f"ended with {ran.code}: {ran.said[-4000:]}"


def test_with_all_guards_each_test_passes(copy: Copy) -> None:
    ran = copy.run(sorted({guard.test for guard in GUARDS}), patience=600)
    assert ran.code == 0, ran.said[-4000:]


def test_the_copy_s_program_is_what_is_run(tmp_path: Path) -> None:
    copied = Copy(tmp_path)
    (tmp_path / "tests/test_where.py").write_text(_WHERE)
    said = copied.run(["test_where.py"]).said
    assert f"here {tmp_path}/provisioning/__init__.py" in said
    assert f"below {tmp_path}/provisioning/__init__.py" in said


@pytest.mark.parametrize(
    "what", ["__import__('provisioning.nowhere')", "eval('nobody_knows_this')", "eval('if:')"]
)
def test_a_program_that_is_only_broken_proves_nothing(copy: Copy, what: str) -> None:
    test = "artifact/test_path.py::test_paths_that_differ_in_case_or_normal_form_collide"
    ran = copy.run_without(Guard("case-of-paths", library(f"builtins.{what}"), test))
    assert not ran.has_failed(), ran.said
