"""Packages are installed on a Pi, on many and on a Mac as the pages say."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from .page import DOC, blocks
from .reader import follow

if TYPE_CHECKING:
    from pathlib import Path

HOW_TO = DOC / "how-to"
MANY = HOW_TO / "HowTo_006_Many_Pis.md"
# A network of hosts: each ends its installation with the number at the end of its name.
SSH = '#!/bin/sh\necho "$2" >> reached\nexit "${2##*-}"\n'


@pytest.mark.parametrize("page", ["005_First_Pi", "006_Many_Pis", "007_Mac_With_launchd"])
def test_every_command_prints_what_the_page_shows(tmp_path: Path, page: str) -> None:
    follow(HOW_TO / f"HowTo_{page}.md", tmp_path / "greenhouse")


@pytest.mark.parametrize(
    ("hosts", "reached", "told"),
    [
        ("a-0 b-4 c-0", "a-0 b-4 c-0", "failed: b-4\n"),
        ("a-4 b-0 c-0", "a-4", "failed: a-4\n"),
        ("a-0 b-0", "a-0 b-0", ""),
    ],
)
def test_a_canary_that_fails_keeps_the_others_as_they_are(
    tmp_path: Path, hosts: str, reached: str, told: str
) -> None:
    for name, text in {"ssh": SSH, "scp": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (script,) = (block.text for block in blocks(MANY) if block.language == "bash")
    done = subprocess.run(
        ["sh", "-c", script, "deploy.sh", "x.tar.gz", *hosts.split()],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (bool(told), told)
    assert (tmp_path / "reached").read_text(encoding="utf-8").split() == reached.split()
