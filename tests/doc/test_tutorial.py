"""The tutorials' commands, run in order, print what the tutorials show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from .page import DOC, GREENHOUSE, blocks

TUTORIALS = sorted((DOC / "tutorial").glob("Tutorial_*.md"))


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda page: page.stem)
def test_every_command_prints_what_the_tutorial_shows(tmp_path: Path, tutorial: Path) -> None:
    project = tmp_path / "greenhouse"
    shutil.copytree(GREENHOUSE, project, ignore=shutil.ignore_patterns("artifacts", "__pycache__"))
    page = blocks(tutorial)
    for command, shown in pairwise(page):
        if command.language == "sh":
            expected = shown.text if shown.language == "text" else ""
            assert portable(run(command.text, project)) == portable(expected), command.text


def run(command: str, project: Path) -> str:
    """What a reader sees, with this interpreter's scripts in front as in an active environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-e", "-c", command],
        cwd=project,
        env={"PATH": path, "LC_ALL": "C", "HOME": str(project.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout


def portable(text: str) -> str:
    """`text` without what depends on where it is done, and on the tool that is in packages."""
    text = re.sub(r"/\S*(?=/pi[/ ])", "…", text)  # a scratch root of this name, wherever it lies
    text = re.sub(r"\b(\d[\d.]*)-[0-9a-f]{8}\b", r"\1-DIGEST", text)
    text = re.sub(r"(\d+ entries), \d+ bytes", r"\1, N bytes", text)
    text = re.sub(r"\bat byte \d+", "at byte N", text)
    return re.sub(r"; size \S+ → \S+ ", "; size M → N ", text)
