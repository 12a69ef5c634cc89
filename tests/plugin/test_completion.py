"""What shells are told of the plugin's commands, by `doit tabcompletion`."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import Project


@pytest.fixture
def bash(project: Project) -> str:
    return project.doit("tabcompletion", "--shell", "bash")


def test_bash_understands_it_and_knows_all_commands(bash: str, tmp_path: Path) -> None:
    (tmp_path / "completion").write_text(bash)
    subprocess.run(["bash", "-n", tmp_path / "completion"], check=True)
    (known,) = re.findall(r'sub_cmds="(.*)"', bash)
    assert set(COMMANDS) <= set(known.split())


@pytest.mark.parametrize(("command", "completion"), [("diff", "-f"), ("explain", '-W "${tasks}"')])
def test_a_command_completes_what_it_takes(bash: str, command: str, completion: str) -> None:
    assert (
        f"\n        {command})\n            COMPREPLY=( $(compgen {completion} -- $cur) )\n" in bash
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_all_that_help_and_shells_show(name: str) -> None:
    (point,) = entry_points(group="doit.COMMAND", name=name)
    command = point.load()
    assert command.doc_purpose
    assert command.doc_usage
    assert command.doc_description
    helps = [option["help"] for option in command.cmd_options]
    assert all(helps)
    # doit puts these into zsh between quotes as they are: a shell would run what it finds there.
    assert not re.search(r"""[`$"'\\]""", "".join((command.doc_purpose, *helps)))
    assert not re.search("[][:]", "".join(helps))
