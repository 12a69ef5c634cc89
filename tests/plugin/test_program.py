"""The program `provision`, where packages are built; doit's command line belongs to the tasks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from importlib import import_module
from importlib.metadata import distribution
from typing import TYPE_CHECKING

import pytest

from provisioning.plugin.program import COMMANDS
from tests.plugin.conftest import DODO, PROGRAM, Project
from tests.waiting import ending

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (*COMMANDS, "gc")
TASKS = "".join(
    f"def task_{name}():\n    return {{'actions': ['echo my own {name}'], 'verbosity': 2}}\n"
    for name in NAMES
    if name != "dumpdb"  # which is a command of doit's own
)
PI = "demo:raspberry-pi"
CONFIGURED = "explain = 'provisioning.plugin.commands.explain:Explain'\n"
# doit as it is where no distribution adds anything to it.
ALONE = """
import doit.plugin
doit.plugin.entry_points_impl = lambda: lambda group: ()
"""
RUN = """
import sys
from doit.doit_cmd import DoitMain
sys.exit(DoitMain().run(sys.argv[1:]))
"""


def test_doit_has_no_command_of_ours() -> None:
    ours = distribution("doit-provisioning").entry_points
    assert {each.group for each in ours} == {
        "doit.BACKEND",
        "doit.LOADER",
        "doit.REPORTER",
        "console_scripts",
    }


def test_tasks_may_bear_the_names_of_commands(project: Project, tmp_path: Path) -> None:
    project.write("dodo.py", DODO + TASKS)
    project.doit()
    for name in NAMES:
        if name != "dumpdb":
            assert f"my own {name}\n" in project.doit(name)
    assert "install" in project.doit("list").split()
    root = str(tmp_path / "root")
    assert "never run before" not in project.provision("explain", PI)
    assert project.provision("diff", PI).startswith("equal: ")
    assert "name: demo " in project.provision("spec", PI)
    assert project.provision("prune").startswith("freed 0 chunks")
    assert "\nhash:demo:mac-mini -> {" in project.provision("dumpdb")
    assert "/opt/demo" in project.provision("install", PI, "--root", root)
    assert "survived" in project.provision("rehearse", PI, "--points", "1")


@pytest.mark.parametrize(
    "command", ["list", "list --all", "help", "tabcompletion", "diff", "explain"]
)
def test_a_project_that_has_never_heard_of_us_sees_doit_alone(tmp_path: Path, command: str) -> None:
    plain = Project(tmp_path / "plain", {"dodo.py": TASKS})
    words = command.split()
    alone, beside = (
        subprocess.run(
            [sys.executable, "-c", f"{change}{RUN}", *words],
            cwd=plain.root,
            capture_output=True,
            text=True,
            check=False,
        )
        for change in (ALONE, "")
    )
    assert (alone.stdout, alone.stderr) == (beside.stdout, beside.stderr)
    assert (alone.returncode, "Traceback" in alone.stderr) == (beside.returncode, False)


@pytest.mark.parametrize("words", ["explain", "explain --all", "help explain"])
def test_doit_says_where_a_command_has_gone(project: Project, words: str) -> None:
    told = "ERROR: `doit explain` is `provision explain` now\n"
    assert project.doit(*words.split(), status=3) == told


def test_what_was_gc_is_prune(project: Project) -> None:
    told = "ERROR: `doit gc` is `provision prune` now\n"
    assert project.doit("gc", "--limit", "0", status=3) == told


def test_a_target_may_be_called_as_a_command_was(project: Project) -> None:
    task = "def task_made():\n    return {'actions': ['touch install'], 'targets': ['install']}\n"
    project.write("dodo.py", DODO + task)
    assert project.ran("install") == {"made"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", f"[tool.doit.plugins.command]\n{CONFIGURED}"),
        ("doit.cfg", f"[COMMAND]\n{CONFIGURED}".replace("'", "")),
    ],
)
def test_a_project_can_have_a_command_as_doit_s(project: Project, name: str, text: str) -> None:
    project.write(name, text)
    assert project.doit("explain", PI) == project.provision("explain", PI)
    assert project.doit("explain", "--help") == project.doit("help", "explain")


def test_the_project_is_found_as_doit_finds_it(project: Project, tmp_path: Path) -> None:
    project.write("other.py", project.path("dodo.py").read_text())
    project.path("dodo.py").unlink()
    file = str(project.path("other.py"))
    told = project.provision("explain", PI, "-f", "other.py")
    assert f"collect:{PI}: runs" in told
    assert project.provision("-f", "other.py", "explain", PI) == told
    for words in (
        ["-f", file, "explain", PI],
        ["explain", "-d", str(project.root), "-f", file, PI],
    ):
        done = subprocess.run(
            [PROGRAM, *words], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout == told
    assert "Could not find dodo file" in project.provision("spec", status=3)


def test_the_configuration_of_doit_counts(project: Project) -> None:
    project.write("pyproject.toml", "[tool.doit.commands.explain]\nevery = true\n")
    for number in range(30):
        project.write(f"src/{number}", "text")
    project.doit()
    for number in range(30):
        project.write(f"src/{number}", "another text")
    assert "and 10 more" not in project.provision("explain", PI)
    project.path("pyproject.toml").unlink()
    assert "and 10 more; --all shows them" in project.provision("explain", PI)
    project.edit("dodo.py", "configure()", "configure() | {'minversion': '99.0.0'}")
    assert "Minimum version required is 99.0.0" in project.provision("explain", status=3)


def test_values_from_the_command_line_count(project: Project) -> None:
    assert "port: 9090" in project.provision("spec", PI, "port=9090")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "pyproject.toml",
            "[tool.doit]\nnum_process =",
            "pyproject.toml or doit.cfg: Invalid value",
        ),
        ("doit.cfg", "[explain]\nevery = x", "in pyproject.toml or doit.cfg: every: Not a boolean"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_told(
    project: Project, name: str, text: str, told: str
) -> None:
    project.write(name, text)
    assert project.provision("explain", status=3).startswith(f"ERROR: {told}")


@pytest.mark.parametrize(
    ("name", "better"), [("my.dodo.py", "my_dodo"), ("my dodo.txt", "my_dodo"), (".py", "_py")]
)
@pytest.mark.parametrize("command", ["explain", "spec", "prune"])
def test_a_dodo_file_that_python_cannot_import_is_told(
    project: Project, command: str, name: str, better: str
) -> None:
    project.write(name, DODO)
    told = f"ERROR: {name}: Python cannot import a file of that name; call it {better}.py\n"
    assert project.provision(command, "-f", name, status=3) == told


def test_a_word_that_is_empty_is_told(project: Project) -> None:
    assert project.provision("diff", "", PI, status=3) == "ERROR: one of the arguments is empty\n"


@pytest.mark.parametrize("command", ["explain", "spec", "diff", "prune"])
def test_an_early_interruption_is_a_line(project: Project, command: str) -> None:
    # It reads until the signal comes.
    project.write("dodo.py", "import time\nprint('reading', flush=True)\ntime.sleep(60)\n")
    words = [PI] if command == "diff" else []
    started = subprocess.Popen(
        [PROGRAM, command, *words],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with ending(started) as process:
        assert process.stdout
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert (output, process.returncode) == ("\nSIGINT: stopped\n", 128 + signal.SIGINT)


def test_both_halves_are_in_the_help(project: Project) -> None:
    told = project.provision("--help")
    first, second = told.split("where packages are built, beside a dodo.py:\n")
    assert set(re.findall(r"^    (\w+)", first, re.MULTILINE)) >= {"install", "rollback", "gc"}
    assert re.findall(r"^    (\w+)", second, re.MULTILINE) == list(COMMANDS)


def test_what_is_no_command_is_told_with_those_that_there_are(project: Project) -> None:
    assert "explain" in project.provision("explian", status=2)


def test_install_is_the_target_s_but_for_a_package_of_the_project(
    project: Project, tmp_path: Path
) -> None:
    project.doit()
    root = str(tmp_path / "root")
    told = project.provision("install", PI, status=2)
    assert told == (
        "ERROR: NAME:PLATFORM is installed into a scratch root: add --root DIR; to install it on"
        " this machine, name its artifact\n"
    )
    assert project.provision("install", "demo", "--root", root, status=2).startswith("provision: ")
    os.link(project.archive(), project.path("demo:archive"))
    told = project.provision("install", "demo:archive", "--root", str(tmp_path), status=3)
    assert told.startswith("provision: ")  # the name has no ending that says what it is
    assert project.provision("install", PI, "--root", root, "--quiet") == ""
    assert "demo 1.0 /opt/demo\n" in project.provision("list", "--root", root)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_all_that_help_and_shells_show(name: str) -> None:
    module, _, kind = COMMANDS[name].partition(":")
    command = getattr(import_module(f"provisioning.plugin.commands.{module}"), kind)
    assert command.doc_purpose
    assert command.doc_description
    assert all(option["help"] for option in command.cmd_options)
