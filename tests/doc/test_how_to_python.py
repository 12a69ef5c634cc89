"""A Python application is packaged as its page says, with the wheels that PyPI has for targets."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.machines.booted import BOOTS, booted
from tests.machines.root import Kind

from .page import DOC, GREENHOUSE, blocks
from .reader import follow_in
from .test_tutorial import run

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOC / "how-to" / "HowTo_009_A_Python_Application.md"
_PROMPT = re.compile(r"(?m)^(\w*)\$ ")
# With the system before: the current one's systemd does not start in an emulated processor.
_PI, _BOOKWORM = Kind("arm64", more=(*BOOTS, "curl")), "raspberry-pi-bookworm"


@pytest.mark.sweep  # with PyPI, and an emulated Pi
@pytest.mark.needs("uv", "mmdebstrap", "qemu-user")
def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    project = tmp_path / "climate"
    project.mkdir()
    follow_in(project, PAGE)
    (_, copied), *typed = [each for each in console() if not each[1].startswith(("pip ", "ssh "))]
    program, archive, host = copied.replace("raspberry-pi", _BOOKWORM).split()
    assert (program, host) == ("scp", "pi@climate.local:")
    place = tmp_path / "pi"
    place.mkdir()
    with booted(place, _PI) as pi:
        shutil.copy(project / archive, pi.root / "root")
        (pi.root / "usr/bin/sudo").write_text('#!/bin/sh\nexec "$@"\n')  # root has no need of it
        (pi.root / "usr/bin/sudo").chmod(0o755)
        for where, text in typed:
            command, _, shown = text.replace("raspberry-pi", _BOOKWORM).partition("\n")
            assert where == "pi"
            assert pi.run("sh", "-c", f"cd /root && {command}") == shown


def test_from_pip_to_the_answer_of_the_pi_there_are_eight_commands() -> None:
    typed = []
    for block in blocks(PAGE):
        if block.language == "sh":
            typed += block.text.splitlines()
        elif block.language == "console":
            typed += [each.partition("\n")[0] for _, each in prompted(block.text)]
    single = [each for line in typed for each in line.split(" && ")]
    (answered,) = (at for at, each in enumerate(single) if each.startswith("curl "))
    assert single[0].startswith("pip install ")
    assert len(single[: answered + 1]) == 8


@pytest.mark.sweep  # with PyPI
@pytest.mark.needs("uv")
def test_the_greenhouse_s_lock_is_made_by_the_command_that_it_names(tmp_path: Path) -> None:
    project = tmp_path / "greenhouse"
    shutil.copytree(GREENHOUSE, project)
    lock = project / "requirements.txt"
    before = lock.read_text(encoding="utf-8")
    (command,) = re.findall("(?m)^# +(uv .*)$", before)
    run(f"{command} 2>&1", project)
    pinned = re.compile(r"(?m)^[\w.-]+==.*(?= \\$)")  # of which more wheels may have been made
    assert pinned.findall(lock.read_text(encoding="utf-8")) == pinned.findall(before)


def console() -> list[tuple[str, str]]:
    """What is typed into terminals: where, and the command with what it prints."""
    shown = (block.text for block in blocks(PAGE) if block.language == "console")
    return [each for text in shown for each in prompted(text)]


def prompted(text: str) -> list[tuple[str, str]]:
    _, *parts = _PROMPT.split(text)
    return list(zip(parts[::2], parts[1::2], strict=True))
