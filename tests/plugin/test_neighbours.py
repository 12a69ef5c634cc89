"""Tasks of a dodo.py that are not this plugin's work as doit's user expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import DODO

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

NEIGHBOURS = """
import os
from doit.tools import run_once

def task_once():
    task = {"actions": ["echo ran"], "uptodate": [run_once]}
    return {**task, "file_dep": ["x.txt"]} if "DEP" in os.environ else task

def task_note():
    return {"actions": ["true"], "meta": {"owner": "me"}}

def task_generate():
    copy = ["cp x.txt src/made.txt"]
    return {"actions": copy, "file_dep": ["x.txt"], "targets": ["src/made.txt"]}
"""


@pytest.fixture
def shared(project: Project) -> Project:
    """A project with tasks of its own."""
    project.write("dodo.py", DODO + NEIGHBOURS)
    project.write("x.txt", "one\n")
    return project


def test_a_dependency_that_comes_later_is_noticed(
    shared: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shared.ran("once") == {"once"}
    monkeypatch.setenv("DEP", "1")
    assert shared.ran("once") == {"once"}
    assert shared.ran("once") == set()
    shared.write("x.txt", "two\n")
    assert shared.ran("once") == {"once"}


def test_a_task_may_have_meta_of_its_own(shared: Project) -> None:
    assert shared.ran("note") == {"note"}


def test_what_another_task_makes_is_made_before_it_is_collected(shared: Project) -> None:
    shared.write("src/made.txt", "")
    shared.write("x.txt", "two\n")
    output = shared.doit("package:demo:mac-mini")
    lines = [line[3:] for line in output.splitlines()]
    assert lines.index("generate") < lines.index("collect:demo:mac-mini")
    assert "made.txt" in shared.doit("info", "--no-status", "collect:demo:mac-mini")
    assert shared.ran("package:demo:mac-mini") == set()


def test_what_another_task_has_just_made_is_noticed_in_the_same_run(shared: Project) -> None:
    shared.write("src/made.txt", "")
    for _ in range(3):
        shared.doit()  # the last of them has all in mind
    shared.write("x.txt", "two\n")
    assert {"generate", "collect:demo:mac-mini", "archive:demo:mac-mini"} <= shared.ran()
    assert shared.ran() == set()


def test_a_program_may_call_doit(shared: Project) -> None:
    shared.write(
        "build.py",
        "import sys\nfrom doit.doit_cmd import DoitMain\n"
        "sys.argv = ['build.py']\nsys.exit(DoitMain().run(sys.stdin.read().split()))\n",
    )
    shared.doit()
    shared.archive().write_bytes(b"damaged")
    output = shared.program("build.py", "verify", status=2)
    assert "verify:demo:raspberry-pi failed" in output
    assert shared.archive().read_bytes() == b"damaged"


def test_touching_a_source_runs_nothing_whatever_the_modes(shared: Project) -> None:
    shared.edit(
        "specs/demo.yaml", "variables:\n  port", 'defaults: {file_mode: "0755"}\nvariables:\n  port'
    )
    shared.doit()
    shared.path("src/main.py").touch()
    assert shared.ran("package") == set()


def test_two_calls_of_tasks_are_refused_since_one_would_hide_the_other(shared: Project) -> None:
    shared.write("dodo.py", DODO + "    yield from tasks()\n")
    output = shared.doit(status=3)
    assert "tasks() is called twice; hand all specs to one call: tasks(one, other)" in output


def test_a_link_that_another_task_turns_does_not_deceive_later_runs(project: Project) -> None:
    for version in ("v1", "v2"):
        project.write(f"{version}/s/main.py", f"{version}\n")
    project.path("cur").symlink_to("v1")
    project.edit("specs/demo.yaml", "src: src/", "src: cur/s/")
    switch = 'def task_switch():\n    return {"actions": ["ln -sfn v2 cur"]}\n'
    config = 'configure() | {"default_tasks": ["switch", "package"]}'
    project.write("dodo.py", DODO.replace("configure()", config, 1) + switch)
    project.doit()
    project.path("cur").unlink()
    project.path("cur").symlink_to("v1")
    assert "collect:demo:mac-mini" in project.ran("package")
    project.doit("verify")
