"""Packages are installed on a Pi, on many and on a Mac as the pages say."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.artifact.making import NAME, PACKAGE, write_release
from tests.installer.test_image import make_image

from .page import DOC, GREENHOUSE, blocks
from .reader import follow, follow_in

if TYPE_CHECKING:
    from pathlib import Path

HOW_TO = DOC / "how-to"
MANY = HOW_TO / "HowTo_006_Many_Pis.md"
# A network of hosts: each ends its installation with the number at the end of its name.
SSH = '#!/bin/sh\necho "$2" >> reached\necho "$3" >> said\nexit "${2##*-}"\n'


PAGES = ["005_First_Pi", "006_Many_Pis", "007_Mac_With_launchd", "011_Sign_Releases"]


@pytest.mark.needs("PyPI", "openssh")
@pytest.mark.parametrize("page", PAGES)
def test_every_command_prints_what_the_page_shows(tmp_path: Path, page: str) -> None:
    follow(HOW_TO / f"HowTo_{page}.md", tmp_path / "greenhouse")


@pytest.mark.needs("root", "Linux", "systemd", "PyPI")
def test_a_card_is_prepared_as_its_page_says(tmp_path: Path) -> None:
    project = tmp_path / "greenhouse"
    shutil.copytree(GREENHOUSE, project, ignore=shutil.ignore_patterns("artifacts", "__pycache__"))
    make_image(project / "pi")
    (project / "pi/usr/bin").mkdir()
    (project / "pi/usr/bin/python3.13").touch()
    with (project / "pi/etc/group").open("a", encoding="utf-8") as groups:
        groups.write("gpio:x:993:\n")
    follow_in(project, HOW_TO / "HowTo_010_Prepare_An_SD_Card.md")


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
    write_release(tmp_path / "vents")
    done = deploy(tmp_path, f"vents/{NAME}", *hosts.split())
    assert (done.returncode, done.stderr) == (bool(told), told)
    assert (tmp_path / "reached").read_text(encoding="utf-8").split() == reached.split()


def test_the_package_is_that_of_the_archive(tmp_path: Path) -> None:
    path = write_release(tmp_path / "vents")
    deploy(tmp_path, str(path), "a-0")
    told = (tmp_path / "said").read_text(encoding="utf-8")
    top = PACKAGE.name
    assert told == (
        f"cd /tmp && rm -rf {top} && tar xzf {NAME} && sudo {top}/install --json --quiet\n"
    )


def test_without_an_archive_no_machine_is_touched(tmp_path: Path) -> None:
    assert deploy(tmp_path, "nowhere.tar.gz", "a-0").returncode == 1
    assert not (tmp_path / "reached").exists()


def deploy(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the page's script, in a network of hosts that only say what they are told."""
    for name, text in {"ssh": SSH, "scp": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (script,) = (block.text for block in blocks(MANY) if block.language == "bash")
    return subprocess.run(
        ["sh", "-c", script, "deploy.sh", *words],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
