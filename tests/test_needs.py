"""What a machine cannot judge is left out and told, and forbidden where nothing may be left out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs

TESTS = """
import subprocess
import pytest

@pytest.fixture
def listed():
    return subprocess.run(["zstd", "--version"], check=True)

def test_that_needs_nothing():
    pass

def test_that_calls_a_tool():
    subprocess.run(["busybox", "true"], check=True)

def test_whose_fixture_calls_a_tool(listed):
    pass

@pytest.mark.needs("busybox", "unzip")
def test_that_says_so():
    raise AssertionError("runs all the same")

def test_that_calls_what_nobody_has():
    subprocess.run(["no-such-tool"], check=True)
"""
HERE = Path(__file__).parents[1]


def run(folder: Path, *words: str, path: str = "/nonexistent") -> str:
    """What pytest says about TESTS on a machine with the programs of `path` alone."""
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-q", *words]
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(HERE)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("processes", [[], ["-n", "2"]])
def test_what_cannot_be_judged_is_left_out_and_counted(
    tmp_path: Path, processes: list[str]
) -> None:
    told = run(tmp_path, *processes)
    assert re.search(r"\b1 failed, 1 passed, 3 skipped\b", told), told
    assert "FAILED test_it.py::test_that_calls_what_nobody_has" in told
    _, _, left = told.partition("left out, since this machine lacks what they need")
    assert sorted(left.splitlines()[1:4]) == [
        "    1 tests need unzip    tests/tools installs unzip",
        "    1 tests need zstd     tests/tools installs zstd",
        "    2 tests need busybox  tests/tools installs busybox",
    ]


def test_nothing_is_left_out_where_everything_is_asked_for(tmp_path: Path) -> None:
    told = run(tmp_path, "--everything")
    assert "ERROR: --everything, but this machine lacks what tests need:\n" in told
    assert "\n  busybox: tests/tools installs busybox\n" in told
    assert "passed" not in told


def test_a_need_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "test_more.py").write_text(
        "import pytest\n@pytest.mark.needs('sweets')\ndef test_it():\n    pass\n"
    )
    assert "'sweets' is not in tests/needs.py" in run(tmp_path)


@pytest.mark.needs("apt")
def test_the_packages_are_told_without_being_installed() -> None:
    tools = Path(__file__).with_name("tools")
    told = {
        words: subprocess.run([tools, "--list", *words], capture_output=True, text=True, check=True)
        for words in [(), ("--sweep",)]
    }
    few, all_of_them = (set(done.stdout.split()) for done in told.values())
    assert {"busybox", "libarchive-tools", "strace"} <= few < all_of_them
    assert all_of_them == {tool.apt for tool in needs.TOOLS.values()} - {""}


def test_a_word_that_tests_tools_does_not_know_is_refused() -> None:
    tools = Path(__file__).with_name("tools")
    done = subprocess.run([tools, "--swep"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Installs the programs")
