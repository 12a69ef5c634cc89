"""Tasks of a dodo.py that are not this plugin's work as doit's user expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import DODO, Project

if TYPE_CHECKING:
    from collections.abc import Callable

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


# What other tools leave: whether they run again is doit's own business.
TOOLS = """
def task_compile():
    return {"actions": ["cat in > out"], "file_dep": ["in"], "targets": ["out"]}

def task_chain():
    return {"actions": ["cp out chained"], "file_dep": ["out"], "targets": ["chained"]}

def task_format():
    return {"actions": ["sed -i s/a/b/ text"], "file_dep": ["text"]}

def task_by_link():
    return {"actions": ["true"], "file_dep": ["link"]}

def task_leaves_link():
    make = ["mkdir -p v1", "ln -sfn v1 current"]
    return {"actions": make, "file_dep": ["in"], "targets": ["current"]}

def task_values():
    return {"actions": [lambda: {"content": "x", "facts": {}}], "file_dep": ["in"]}

def task_always():
    return {"actions": ["touch stamp"], "targets": ["stamp"]}
"""
NAMES = ("compile", "chain", "format", "by_link", "leaves_link", "values", "always")
EVENTS: dict[str, Callable[[Project], object]] = {
    "at first": lambda _: None,
    "again": lambda _: None,
    "a target is gone": lambda each: each.path("out").unlink(),
    "after that": lambda _: None,
    "a file was edited": lambda each: each.write("in", "another text\n"),
    "and then": lambda _: None,
    "what a link leads to was edited": lambda each: each.write("led", "another text\n"),
    "what a target leads to is gone": lambda each: each.path("v1").rmdir(),
    "at last": lambda _: None,
}


def test_tasks_of_others_run_when_doit_alone_would_run_them(project: Project) -> None:
    alone = Project(project.root.parent / "alone", {"dodo.py": TOOLS})
    project.write("dodo.py", DODO + TOOLS)
    for each in (alone, project):
        for name in ("in", "text", "led"):
            each.write(name, "a\n")
        each.path("link").symlink_to("led")
    for event, happens in EVENTS.items():
        ran = []
        for each in (alone, project):
            happens(each)
            ran.append({line[3:] for line in each.doit(*NAMES).splitlines() if line[:1] == "."})
        assert ran[0] == ran[1], event
    assert "status     : up-to-date" in project.doit("info", "compile")
