"""What is the same for all commands of the plugin: how they are asked, and how they complain."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from provisioning.plugin.program import COMMANDS
from tests.plugin.conftest import STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import Project

PI = "demo:raspberry-pi"
# Words that each command takes with --json, and its exit code where a spec has a fault.
FAULTY = {
    "spec": ((PI,), 3),
    "explain": ((), 3),
    "diff": ((PI,), 2),
    "rehearse": ((PI,), 2),
    "install": (("--root", "root", PI), 2),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_tells_its_own_help(project: Project, command: str) -> None:
    words = ["x:y"] if command == "install" else []
    told = project.provision(command, *words, "--help")
    assert told.startswith("PURPOSE\n")
    assert f" {command}" in told
    assert told == project.provision(command, "x:y", "--help")


@pytest.mark.parametrize("stage", ["package", *STAGES])
def test_a_stage_tells_its_own_help(project: Project, stage: str) -> None:
    told = project.doit(stage, "--help")
    (purpose,) = re.findall(rf"^{stage} +(.*)$", project.doit("list"), re.MULTILINE)
    assert told.startswith(f"PURPOSE\n    {purpose}\n\nUSAGE\n    doit {stage} ")
    assert f"\n    doit {stage}:greenhouse:raspberry-pi   one package, for one platform\n" in told
    assert ("--rebuild" in told) == (stage == "verify")
    assert ("--offline" in told) == (stage == "package")


def test_the_help_of_a_stage_needs_no_sound_specs_and_does_nothing(project: Project) -> None:
    project.edit("specs/demo.yaml", "contents:", "contains:")
    told = project.doit("verify", "--help")
    assert told == project.doit("-n", "2", "render", f"verify:{PI}", "--rebuild", "--help")
    assert not project.path("artifacts").exists()


def test_the_help_of_another_task_is_left_to_it(project: Project) -> None:
    task = (
        "def task_ship():\n"
        "    help = {'name': 'help', 'long': 'help', 'type': bool, 'default': False}\n"
        "    return {'actions': ['echo shipped %(help)s'], 'params': [help], 'verbosity': 2}\n"
    )
    project.write("dodo.py", f"{project.path('dodo.py').read_text()}{task}")
    assert "shipped True" in project.doit("render", "ship", "--help")


@pytest.mark.parametrize("command", FAULTY)
def test_faults_of_specs_are_json_where_that_is_asked_for(project: Project, command: str) -> None:
    project.edit("specs/demo.yaml", "contents:", "contains:")
    words, status = FAULTY[command]
    told = project.provision(command, *words, "--json", status=status)
    (fault,) = json.loads(told)["faults"]
    assert (fault["code"], fault["file"], fault["line"]) == ("unknown-key", "specs/demo.yaml", 11)
    assert "[unknown-key]" in project.provision(command, *words, status=status)


@pytest.mark.parametrize("command", FAULTY)
def test_every_other_trouble_is_json_too(project: Project, command: str) -> None:
    words, status = FAULTY[command]
    wrong = [word.replace("pi", "pie") for word in words] or ["demo:raspberry-pie"]
    told = json.loads(project.provision(command, "--json", *wrong, status=status))
    assert told == {"error": "demo is not built for raspberry-pie; did you mean raspberry-pi?"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("explain", "--jsn"),
            "option --jsn not recognized; `provision explain --help` lists the options",
        ),
        (
            ("prune", "--limit"),
            "option --limit requires argument; `provision prune --help` lists the options",
        ),
    ],
)
def test_an_option_that_cannot_be_read_is_told(
    project: Project, words: tuple[str, ...], told: str
) -> None:
    assert project.provision(*words, status=3) == f"ERROR: {told}\n"


def test_options_may_stand_behind_words(built: Project, tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    built.provision("install", PI, "--root", root, "--dry-run")
    assert list((tmp_path / "root").iterdir()) == []
    assert (
        json.loads(built.provision("install", PI, f"--root={root}", "--json"))["action"]
        == "install"
    )
    assert json.loads(built.provision("diff", PI, "--json"))["equal"]
    assert "verified" in built.doit(f"verify:{PI}", "--rebuild")


def test_what_looks_like_an_option_can_be_a_word(project: Project) -> None:
    told = project.provision("diff", "--", "--json", status=2)
    assert told.startswith("ERROR: --json: no such artifact")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("package:demo:raspbery-pi",),
            (
                "package:demo:raspbery-pi: demo is not built for raspbery-pi;"
                " did you mean raspberry-pi?"
            ),
        ),
        (
            ("package:demo:pi", "render:dmo"),
            (
                "package:demo:pi: demo is not built for pi; known: mac-mini, raspberry-pi\n"
                "render:dmo: no package is called dmo; did you mean demo?"
            ),
        ),
        (("verify", PI, "--rebuild"), f"{PI}: is not a task; write verify:{PI}"),
        (("verify", "--rebuild", "demo"), "demo: is not a task; write verify:demo"),
    ],
)
def test_a_stage_of_a_package_that_there_is_not_is_told(
    project: Project, words: tuple[str, ...], told: str
) -> None:
    assert project.doit(*words, status=3) == f"ERROR: {told}\n"


def test_what_cannot_be_explained_is_told(project: Project) -> None:
    told = "collect:demo:pi: demo is not built for pi; known: mac-mini, raspberry-pi"
    assert project.provision("explain", "collect:demo:pi", status=3) == f"ERROR: {told}\n"


def test_words_of_other_tasks_are_left_to_them(project: Project) -> None:
    task = (
        "def task_ship():\n"
        "    return {'actions': [lambda what: print(what)], 'pos_arg': 'what', 'verbosity': 2}\n"
    )
    project.write("dodo.py", f"{project.path('dodo.py').read_text()}{task}")
    assert f"['{PI}', 'dmo']" in project.doit("ship", PI, "dmo")
    project.doit("verify:*", status=2)


def test_a_package_is_explained_by_its_name(built: Project) -> None:
    tasks = json.loads(built.provision("explain", PI, "--json"))["tasks"]
    assert [each["task"] for each in tasks] == [
        f"{stage}:{PI}" for stage in ("collect", "render", "archive", "hash", "verify")
    ]
    assert len(json.loads(built.provision("explain", "demo", "--json"))["tasks"]) == 10
