"""What shells propose in a project, for `provision` and for doit: they themselves are asked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import PROGRAM

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

# bash parts a line at colons, too, and shows what is behind the last one.
BASH = """
eval "$1"
COMP_LINE=$2
COMP_POINT=${#COMP_LINE}
read -ra COMP_WORDS <<< "${COMP_LINE//:/ : }"
case $COMP_LINE in *' ' | *:) COMP_WORDS+=("") ;; esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_${COMP_WORDS[0]}
printf '%s\\n' "${COMPREPLY[@]}"
"""
# zsh itself chooses those that fit.
ZSH = """
_arguments() { _provision_${${@[-1]}##*_} }
_describe() { print -rl -- "${(P@)2}" }
compadd() { shift; print -rl -- "$@" }
compdef() { }
eval "$1"
words=(${=2} "")
CURRENT=$#words
_$words[1]
"""
FISH = """
echo $argv[1] | source
complete -C $argv[2] | string replace -r '\\t.*' ''
true
"""
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-c", BASH, "bash"],
    "zsh": ["zsh", "-f", "-c", ZSH, "zsh"],
    "fish": ["fish", "--no-config", "-c", FISH],
}
KEPT = "artifacts/.work/completion"

each_shell = pytest.mark.parametrize(
    "shell", [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("zsh", "fish")]
)


def proposed(project: Project, shell: str, line: str) -> list[str]:
    """What a shell without anybody's settings proposes behind this line."""
    told = project.provision("--completion", shell)
    done = subprocess.run(
        [*SHELLS[shell], told, line],
        cwd=project.root,
        env={**os.environ, "PATH": f"{Path(PROGRAM).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("provision ex", ["explain"]),
        ("provision explain d", ["demo", "demo:mac-mini", "demo:raspberry-pi"]),
        ("provision explain demo:r", ["raspberry-pi"]),
        ("provision diff --js", ["--json"]),
        ("doit forg", ["forget"]),
        (
            "doit arch",
            ["archive", "archive:demo", "archive:demo:mac-mini", "archive:demo:raspberry-pi"],
        ),
        ("doit package:demo:", ["mac-mini", "raspberry-pi"]),
        ("doit clean verify:demo:m", ["mac-mini"]),
        ("doit list --stat", ["--status"]),
        ("doit -f dod", []),  # bash goes on to the names of files
    ],
)
def test_bash_proposes(project: Project, line: str, expected: list[str]) -> None:
    assert proposed(project, "bash", line) == expected


@each_shell
def test_others_propose_packages_and_tasks(project: Project, shell: str) -> None:
    names = ["demo", "demo:mac-mini", "demo:raspberry-pi"]
    assert proposed(project, shell, "provision explain ") == names
    tasks = proposed(project, shell, "doit clean ")
    assert {"package:demo:mac-mini", "verify", "verify:demo"} <= set(tasks)
    first = " ".join(proposed(project, shell, "doit "))
    assert "forget" in first
    assert "package:demo:mac-mini" in first
    assert "package:demo:mac-mini" in proposed(project, shell, "doit archive:demo ")


def test_names_are_kept_until_a_spec_changes(project: Project) -> None:
    project.doit("list")
    assert proposed(project, "bash", "doit package:d") == [
        "demo",
        "demo:mac-mini",
        "demo:raspberry-pi",
    ]
    project.write(KEPT, "package:kept\n")
    assert proposed(project, "bash", "doit package:") == ["kept"]
    project.edit("specs/demo.yaml", "name: demo", "name: other")
    os.utime(project.path(KEPT), (0, 0))
    assert proposed(project, "bash", "doit package:o")[0] == "other"


def test_names_stay_while_a_spec_has_faults(project: Project) -> None:
    project.doit("list")
    before = proposed(project, "bash", "doit package:")
    os.utime(project.path(KEPT), (0, 0))
    project.write("specs/demo.yaml", "nmae: demo\n")
    assert proposed(project, "bash", "doit package:") == before
    assert os.listdir(project.path(KEPT).parent).count("completion") == 1
    assert not [each for each in os.listdir(project.path(KEPT).parent) if "completion." in each]


def test_nothing_is_proposed_or_complained_about_outside_a_project(
    project: Project, tmp_path: Path
) -> None:
    for name in ("dodo.py", "specs/demo.yaml"):
        project.path(name).unlink()
    assert proposed(project, "bash", "doit package") == []
