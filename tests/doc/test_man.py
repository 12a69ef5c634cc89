"""The manual page tells each command, option and exit code, and mandoc has no complaint."""

from __future__ import annotations

import re
import subprocess

import pytest

from provisioning.installer.cli import arguments

from .page import DOC
from .test_reference import OWN, PROVISION, usage

MAN = DOC / "man" / "provision.1"
TEXT = MAN.read_text(encoding="utf-8")
COMMON = {"--help", "--root", "--json", "--quiet"}


def told(text: str) -> set[str]:
    """The options that a part of the page lists."""
    items = re.findall(r"^\.It (Fl .*)$", text, re.MULTILINE)
    return {f"-{name}" for item in items for name in re.findall(r"(-[a-z-]+)", item)}


def test_mandoc_has_no_complaint() -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint", MAN], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    assert done.returncode == 0


def test_each_command_is_there() -> None:
    assert re.findall(r"^\.Ss provision (\w+)$", TEXT, re.MULTILINE) == PROVISION
    assert re.findall(r"^\.Nm\n\.Cm (\w+)$", TEXT, re.MULTILINE) == PROVISION


def test_each_command_of_a_project_is_there() -> None:
    listed = TEXT.partition(".Sh IN A PROJECT")[2].partition("\n.Sh")[0]
    assert sorted(re.findall(r"^\.It Cm (\w+)", listed, re.MULTILINE)) == sorted(OWN)


@pytest.mark.parametrize("command", PROVISION)
def test_each_option_is_there(command: str) -> None:
    own = TEXT.partition(f".Ss provision {command}\n")[2].partition("\n.S")[0]
    shown = TEXT.partition(f".Nm\n.Cm {command}\n")[2]
    synopsis = re.split(r"^\.(?:Nm|Sh)", shown, maxsplit=1, flags=re.MULTILINE)[0]
    options = set(re.findall(r"(--[a-z-]+)", usage(command)))
    assert told(own) == options - COMMON
    assert {f"-{name}" for name in re.findall(r"Fl (-[a-z-]+)", synopsis)} == options - COMMON
    assert options >= COMMON
    alone = set(re.findall(r"(--[a-z-]+)", usage()))
    assert told(TEXT.partition("DESCRIPTION")[2].partition("\n.Ss")[0]) == COMMON | alone


def test_each_exit_code_is_there() -> None:
    codes = {str(value) for value in vars(arguments).values() if type(value) is int}
    listed = TEXT.partition(".Sh EXIT STATUS")[2].partition("\n.Sh")[0]
    assert set(re.findall(r"^\.It (\d+)$", listed, re.MULTILINE)) == codes
