"""Sources that another task makes: a directory that a compiler leaves is doit's daily use."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import DODO, Project

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """
name: demo
version: "1.0"
platforms:
  mac-mini: {}
contents:
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    files = {"dodo.py": DODO, "specs/demo.yaml": SPEC, "in/a": "a\n"}
    return Project(tmp_path / "project", files)


def describe(project: Project, tasks: str, *contents: str) -> None:
    """Have the project hold these tasks, and its package these contents."""
    project.write("dodo.py", DODO + tasks)
    project.write("specs/demo.yaml", SPEC + "".join(f"  - {each}\n" for each in contents))


MAKES = """
def task_made():
    make = ["mkdir -p build/d && cp in/a build/d/a && cp in/a build/f"]
    return {"actions": make, "file_dep": ["in/a"], "targets": ["build/f"]}
"""


def test_what_came_while_a_build_ran_is_no_part_of_what_it_saw(project: Project) -> None:
    describe(
        project,
        MAKES,
        "{src: build/d/, dst: d/, optional: true}",
        "{src: build/f, dst: f, optional: true}",
    )
    for _ in range(2):
        project.doit("made", "package")
        project.doit("made", "package")
        project.doit("verify")
        shutil.rmtree(project.path("build"))


@pytest.mark.parametrize("source", ["build/d/*", "build/**/*", "build/", "build/f"])
def test_an_optional_source_may_lie_in_a_directory_that_is_not_there(
    project: Project, source: str
) -> None:
    describe(project, "", f"{{src: {source}, dst: d/, optional: true}}", "{src: in/a, dst: a}")
    project.doit()
    assert "Nothing to do" in project.doit()
