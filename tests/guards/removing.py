"""Removes a guard, in a copy of the repository, and runs the test that is to fail then."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.conftest import unmeasured

from .how import removed
from .marks import ROOT, marks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .guard import Guard

_COPIED = ("provisioning", "tests", "specs", "doc", "dodo.py", "pyproject.toml", "README.md")
# With these, a test would fail whatever the guard is for: the program was broken. A module that is
# missing is the program's own: a test may be about a user's file whose name cannot be imported.
_BROKEN = re.compile(
    r"(?:NameError|SyntaxError|IndentationError): "
    r"|(?:ImportError: cannot import|ModuleNotFoundError: No module named)[^\n]*provisioning"
)
_PATIENCE = 120


class Ran(NamedTuple):
    """How tests ended."""

    code: int
    said: str

    def has_failed(self) -> bool:
        """Whether a test has failed, and not for a program that was broken, or a test that is."""
        return self.code == 1 and "\nFAILED " in self.said and not _BROKEN.search(self.said)


class Copy:
    """A copy of the repository, in which `python` finds the copy's program."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for name in _COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, root / name)

    def run(self, tests: Iterable[str], *, patience: int = _PATIENCE) -> Ran:
        """Run tests there, one after the other. Raises TimeoutExpired."""
        # What was compiled in the repository came along, and nothing is added to it: where two
        # versions of a file are of one size and one second, the second would pass for the first.
        environment = {**os.environ, "PYTHONPATH": str(self._root), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "-rf",
        ]
        with unmeasured():
            done = subprocess.run(
                [*command, *(f"tests/{test}" for test in tests)],
                cwd=self._root,
                env={name: value for name, value in environment.items() if "PYTEST" not in name},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=patience,
                check=False,
            )
        return Ran(done.returncode, done.stdout)

    def run_without(self, guard: Guard) -> Ran:
        """Run a guard's test without the guard."""
        path = self._root / without(guard).path.relative_to(ROOT)
        whole, times = path.read_text(encoding="utf-8"), path.stat()
        path.write_text(without(guard).source, encoding="utf-8")
        try:
            return self.run([guard.test])
        finally:
            path.write_text(whole, encoding="utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


class Without(NamedTuple):
    """A module that lacks a guard."""

    path: Path
    source: str


def without(guard: Guard) -> Without:
    """The module in which a guard stands, without it. Raises CannotError."""
    mark = next(mark for mark in marks() if mark.name == guard.mark)
    return Without(mark.path, removed(mark.path.read_text("utf-8"), mark.name, guard.how))
