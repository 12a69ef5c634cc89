"""`provision wheels`, as far as no Debian has to be made: the sweep of OctoPrint makes one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import DODO, Project
from tests.wheels import HEAD, wheel

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """
name: demo
version: "1.0"
platforms: {raspberry-pi: {}, mac-mini: {}}
contents: [{python: pylock.toml, dst: lib/}]
"""
LOCK = f"""{HEAD}
[[packages]]
name = "spidev"
version = "3.6"
sdist = {{path = "spidev-3.6.tar.gz", hashes = {{sha256 = "{"0" * 64}"}}}}
"""


@pytest.fixture
def lacking(tmp_path: Path) -> Project:
    """A project that needs a package of which there is no wheel."""
    return Project(
        tmp_path / "project", {"dodo.py": DODO, "specs/demo.yaml": SPEC, "pylock.toml": LOCK}
    )


def _said(project: Project, *words: str, path: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "provisioning.plugin.program", "wheels", *words],
        cwd=project.root,
        env={**os.environ, "PATH": path or os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_machine_that_cannot_build_is_told_what_to_run_elsewhere(lacking: Project) -> None:
    code, told = _said(lacking, "raspberry-pi", path="/nowhere")
    assert code == 2
    assert "sudo apt install mmdebstrap" in told
    assert "pip wheel --no-deps -w wheels spidev==3.6" in told


def test_for_a_mac_nothing_can_be_built_here(lacking: Project) -> None:
    code, told = _said(lacking, "mac-mini")
    assert code == 2
    assert "mac-mini does not name a release of Debian to build in" in told


def test_where_every_package_has_a_wheel_there_is_nothing_to_do(lacking: Project) -> None:
    lacking.write("pylock.toml", f"{HEAD}packages = []\n")
    assert _said(lacking, "raspberry-pi") == (0, "every package has a wheel for raspberry-pi\n")


def test_other_faults_of_specs_are_told(lacking: Project) -> None:
    lacking.write("pylock.toml", f"{HEAD}packages = []\n")
    lacking.edit("specs/demo.yaml", "contents", "content")
    code, told = _said(lacking, "raspberry-pi")
    assert (code, "did you mean contents?" in told) == (2, True)


def test_a_wheel_that_is_not_the_one_that_was_built_is_refused(lacking: Project) -> None:
    made = wheel("spidev", "3.6")
    made.put(lacking.path("wheels"))
    lacking.edit("specs/demo.yaml", "dst: lib/", "dst: lib/, wheels: wheels/")
    lacking.write(
        "wheels/pylock.toml",
        LOCK.replace("sdist = ", "wheels = [")
        .replace("spidev-3.6.tar.gz", made.file)
        .replace("}}", "}}]"),
    )
    assert "wheels/pylock.toml says another" in lacking.doit("package", status=3)
    lacking.write("wheels/pylock.toml", f"{HEAD}packages = []\n")
    assert "says another" not in lacking.doit("list")
