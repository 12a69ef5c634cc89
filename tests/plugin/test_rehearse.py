"""What a user of `provision rehearse` and `provision install` sees."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import Project


def test_a_package_goes_there_and_back_and_survives(built: Project) -> None:
    output = built.provision("rehearse", "--points", "2", "demo:raspberry-pi")
    assert re.sub(r"\d+ changes", "N changes", output) == (
        "demo:raspberry-pi: 0~rehearsal → 1.0 → 0~rehearsal, as it was before\n"
        "demo:raspberry-pi: broken 4 times in N changes to the disk, survived 4\n"
    )


@pytest.mark.needs("root", "Linux")
@pytest.mark.parametrize(
    "mount",
    ["-o size=1M none /dev/shm", "none /proc"],
    ids=["little memory", "no proc"],
)
def test_it_needs_no_file_system_in_memory(built: Project, mount: str) -> None:
    """As there is none on a Mac."""
    command = f"mount -t tmpfs {mount} && {PROGRAM} rehearse --points 1"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{command} demo:raspberry-pi"],
        cwd=built.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("survived 2\n")


def test_an_earlier_artifact_can_be_what_it_comes_from(built: Project) -> None:
    earlier = built.archive().rename(built.path("earlier.tar.gz"))
    built.edit("specs/demo.yaml", '"1.0"', '"1.1"')
    built.doit("package")
    words = ("--from", str(earlier), "--points", "1", "--json", "demo:raspberry-pi")
    (seen,) = json.loads(built.provision("rehearse", *words))
    assert (seen["old"], seen["new"], seen["broken"], seen["faults"]) == ("1.0", "1.1", 2, [])


def test_what_was_not_built_is_told(project: Project) -> None:
    output = project.provision("rehearse", "demo:raspberry-pi", status=2)
    assert (
        output == "ERROR: artifacts/demo-1.0-raspberry-pi: is not built; run doit package first\n"
    )


def test_a_package_lies_in_the_scratch_root_to_be_looked_at(built: Project, tmp_path: Path) -> None:
    built.provision("install", "--root", str(tmp_path / "root"), "demo:raspberry-pi")
    current = tmp_path / "root/opt/demo/current"
    assert (current / "lib/main.py").read_text() == "print('hello')\n"
    assert os.readlink(current / "etc/demo.ini").endswith("../etc/demo.ini")


def test_a_dry_run_leaves_nothing(built: Project, tmp_path: Path) -> None:
    built.provision("install", "--root", str(tmp_path / "root"), "--dry-run", "demo:raspberry-pi")
    assert list((tmp_path / "root").iterdir()) == []


def test_a_fault_of_a_spec_is_told(built: Project, tmp_path: Path) -> None:
    built.edit("specs/demo.yaml", "contents:", "contains:")
    told = built.provision(
        "install", "--root", str(tmp_path / "root"), "demo:raspberry-pi", status=2
    )
    assert "[unknown-key]" in told


def test_without_a_root_nothing_is_installed(built: Project) -> None:
    told = built.provision("install", "demo:raspberry-pi", status=2)
    assert "is installed into a scratch root: add --root DIR" in told
