"""Faults in colour: where doit prints to a terminal, and nowhere else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from provisioning.plugin.program import COMMANDS
from tests.plugin.conftest import PROGRAM

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

ESCAPES = re.compile("\x1b\\[[0-9;]*m")
WISHES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in WISHES}


def on_terminal(project: Project, *arguments: str, **wishes: str) -> str:
    """All that doit prints, or `provision`, when standard output and errors are a terminal."""
    is_doits = arguments[:1] not in {(each,) for each in COMMANDS}
    program = [sys.executable, "-m", "doit"] if is_doits else [PROGRAM]
    first, second = os.openpty()
    with subprocess.Popen(
        [*program, *arguments],
        cwd=project.root,
        stdout=second,
        stderr=second,
        env={**ENVIRONMENT, "TERM": "xterm", **wishes},
    ):
        os.close(second)
        printed = b""
        try:
            while block := os.read(first, 65536):
                printed += block
        except OSError:  # how Linux says that the other side has been closed
            pass
        os.close(first)
    return printed.decode().replace("\r\n", "\n")


def test_faults_of_specs_are_in_colour(project: Project) -> None:
    project.write("specs/demo.yaml", "nmae: demo\n")
    printed = on_terminal(project)
    assert "\x1b[1;91mspecs/demo.yaml:1:1: nmae: unknown key [unknown-key]\x1b[0m\n" in printed
    assert "\x1b[" not in on_terminal(project, NO_COLOR="1")


@pytest.mark.parametrize("options", [[], ["-n", "2"]])
def test_faults_of_templates_are_in_colour(project: Project, options: list[str]) -> None:
    project.write("config/demo.ini.j2", "{{ prot }}\n")
    printed = on_terminal(project, *options)
    assert "\n   \x1b[1;91mconfig/demo.ini.j2:1:" in printed
    assert ESCAPES.sub("", printed) != printed
    assert "\x1b[" not in on_terminal(project, *options, NO_COLOR="1")
