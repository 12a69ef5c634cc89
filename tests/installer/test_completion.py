"""What shells are told of `provision`: they themselves are asked what they propose."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

BASH = """
provision() { echo 'greenhouse 1.4.2 /opt/greenhouse'; echo 'vents 1.0 /opt/vents'; }
eval "$1"
shift
COMP_WORDS=(provision "$@")
COMP_CWORD=$#
COMP_LINE="provision $*"
COMP_POINT=${#COMP_LINE}
_provision
printf '%s\\n' "${COMPREPLY[@]}"
"""
# The functions of zsh's own that describe what may stand somewhere, and compdef, tell what they
# are told.
ZSH = """
provision() { echo 'greenhouse 1.4.2 /opt/greenhouse' }
_arguments() { for each in "$@"; do print -r -- "$each"; done }
_describe() { print -rl -- "${(P@)2}" }
compadd() { print -r -- "$@" }
compdef() { print -r -- "compdef $*" }
eval "$1"
shift
words=(provision "$@")
CURRENT=$(( $# + 1 ))
_provision
_provision_NAME
"""
FISH = """
function provision; echo 'greenhouse 1.4.2 /opt/greenhouse'; echo 'vents 1.0 /opt/vents'; end
echo $argv[1] | source
complete -C "provision $argv[2..]"
"""


def provision(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "provisioning.installer", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def proposed(shell: str, program: str, *words: str) -> list[str]:
    """What a shell, begun without anybody's settings, says behind these words."""
    told = provision("--completion", shell).stdout
    plain = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    name = [shell] * (shell != "fish")
    command = [shell, *plain, "-c", program, *name, told, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ro",), ["rollback"]),
        (("--v",), ["--version"]),
        (("status", ""), ["greenhouse", "vents"]),
        (("verify", "gr"), ["greenhouse"]),
        (("uninstall", "--p"), ["--purge"]),
        (("gc", "--keep", ""), [""]),  # a number: nothing can be proposed
        (("install", "--root", ""), [""]),  # bash goes on to the names of files
        (("install", "x"), [""]),
    ],
)
def test_bash_proposes(words: tuple[str, ...], expected: list[str]) -> None:
    assert proposed("bash", BASH, *words) == expected


def test_zsh_proposes_commands_with_what_they_are_for() -> None:
    told = proposed("zsh", ZSH, "")
    assert told[0] == "compdef _provision provision"
    assert "list:List the installed packages." in told
    assert told[-1] == "-- greenhouse"


def test_zsh_proposes_options_and_words() -> None:
    told = proposed("zsh", ZSH, "gc", "")
    assert "--dry-run[only show what would be done]" in told
    assert (
        r"--root[work below DIR instead of /\: nothing outside is touched, no service is started]"
        in (line.partition(":DIR:")[0] for line in told)
    )
    assert "*:name:_provision_NAME" in told
    assert "*:artifact:_files" in proposed("zsh", ZSH, "install", "")
    assert "*:word:{_provision_NAME; _files}" in proposed("zsh", ZSH, "verify", "")


@pytest.mark.needs("fish")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("ro",),
            ["rollback\tGo back to the previous release, or to another one that is still there."],
        ),
        (("--v",), ["--version"]),
        (("status", ""), ["greenhouse", "vents"]),
        (("uninstall", "--dr"), ["--dry-run\tonly show what would be done"]),
        (("list", ""), []),
    ],
)
def test_fish_proposes(words: tuple[str, ...], expected: list[str]) -> None:
    assert proposed("fish", FISH, *words) == expected


def test_another_shell_is_not_known() -> None:
    done = provision("--completion", "tcsh")
    assert done.returncode == 2
    assert "invalid choice: 'tcsh'" in done.stderr


def test_it_needs_no_package(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "provisioning.installer", "--completion=bash"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == provision("--completion", "bash").stdout
