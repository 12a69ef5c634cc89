"""The long sweeps: a kill at every system call that changes the disk, and files of any size.

Between two calls that change the disk a kill finds the same state, so these are all there are.
`openat` is left out: what it creates, the next of these calls finds created.
"""

from __future__ import annotations

import collections
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.memory import peak
from tests.plugin.conftest import FILES, SPEC, Project
from tests.plugin.test_faults import _artifacts, _only_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.sweep

CALLS = (
    "fchmod", "fdatasync", "flock", "fsync", "ftruncate", "mkdir", "mkdirat", "pwrite64", "rename",
    "renameat", "rmdir", "symlinkat", "unlink", "unlinkat", "write",
)  # fmt: skip
DOIT = [sys.executable, "-m", "doit", "package:demo:raspberry-pi", "verify:demo:raspberry-pi"]


def _traced(project: Project, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["strace", "-f", "-qq", *options, *DOIT]
    return subprocess.run(command, cwd=project.root, check=False, capture_output=True, text=True)


def _count(project: Project) -> collections.Counter[str]:
    """How often a clean build makes each of the calls."""
    log = project.root.parent / "log"
    assert _traced(project, "-o", str(log), "-e", f"trace={','.join(CALLS)}").returncode == 0
    return collections.Counter(re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE))


@pytest.mark.parametrize("call", CALLS)
def test_a_kill_at_every_call_leaves_only_whole_artifacts(
    tmp_path: Path, call: str, injected: Callable[[str], None]
) -> None:
    clean = Project(tmp_path / "clean")
    times = _count(clean)[call]
    good = _artifacts(clean)
    for number in range(1, times + 1):
        project = Project(tmp_path / f"killed-{number}")
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        _traced(project, "-o", "/dev/null", "-e", "trace=none", "-e", inject)
        injected("kills")
        _only_whole(project, good)
        project.doit(*DOIT[3:])
        assert _artifacts(project) == good
        shutil.rmtree(project.root)


LISTING = {"tar.gz": ["tar", "-tvf"], "zip": ["unzip", "-l"]}


@pytest.mark.parametrize("format", LISTING)
def test_a_file_of_more_than_8_gib_makes_the_whole_way(tmp_path: Path, format: str) -> None:
    spec = f"{SPEC}formats: [{format}]\n"
    project = Project(tmp_path / "project", {**FILES, "specs/demo.yaml": spec})
    size = (8 << 30) + 12345
    with open(project.path("src/large"), "wb") as file:
        file.seek(size - 1)
        file.write(b"x")
    assert peak(DOIT, project.root) < 200 * 1024
    (archive,) = project.path("artifacts").glob(f"*/*.{format}")
    listed = subprocess.check_output([*LISTING[format], archive, "demo/lib/large"])
    assert str(size).encode() in listed
