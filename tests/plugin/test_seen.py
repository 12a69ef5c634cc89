"""What changed since the last run is all that is looked at, and nothing comes out otherwise."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import unmeasured
from tests.plugin.conftest import Project
from tests.plugin.shipped import left
from tests.waiting import settle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Step = Callable[[Project], object]

MAIN, DATA = "src/main.py", "src/deep/data.txt"


@pytest.fixture(scope="module")
def remembered(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of which all is remembered; for tests to copy."""
    project = Project(tmp_path_factory.mktemp("remembered") / "project")
    project.path(MAIN).chmod(0o755)
    project.path("src/link").symlink_to("main.py")
    with unmeasured():
        project.doit()
        project.doit()
    return project


@pytest.fixture
def project(remembered: Project, tmp_path: Path) -> Project:
    # Moved, and so read anew once.
    copy = Project(shutil.copytree(remembered.root, tmp_path / "project", symlinks=True), {})
    settle(copy.root)
    with unmeasured():
        copy.doit()
    return copy


def laid_out(project: Project) -> bool:
    """Build, and tell whether that took a layout."""
    command = [sys.executable, "-X", "importtime", "-m", "doit", "package"]
    done = subprocess.run(command, cwd=project.root, check=True, capture_output=True, text=True)
    imported = re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE)
    assert "Done: " in done.stdout
    return "provisioning.builder.collect.layout" in imported


def test_a_file_that_holds_something_else_takes_no_layout(project: Project) -> None:
    project.write(MAIN, "print('hello again')\n")
    settle(project.root)
    assert not laid_out(project)
    project.write(DATA, "other data\n")
    assert not laid_out(project)


def test_the_first_build_is_remembered(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    settle(project.root)
    project.doit()
    project.write(MAIN, "print('hello again')\n")
    settle(project.root)
    assert not laid_out(project)


@pytest.mark.parametrize("change", [
    lambda path: path.chmod(0o644),
    lambda path: (path.parent / "deep" / "data.txt").rename(path.with_name("data.txt")),
    lambda path: path.with_name("new").write_text("new"),
    lambda path: (path.with_name("link").unlink(), path.with_name("link").symlink_to("deep")),
], ids=["mode", "name", "new", "link"])  # fmt: skip
def test_what_makes_another_layout_takes_one(
    project: Project, change: Callable[[Path], object]
) -> None:
    change(project.path(MAIN))
    assert laid_out(project)


def edit(name: str, text: str) -> Step:
    return lambda project: project.write(name, text)


def doit(*arguments: str) -> Step:
    return lambda project: project.doit(*arguments)


def swap(project: Project) -> None:
    """Have each of two files hold what the other did, of one size."""
    project.write(MAIN, "2\n")
    project.write(DATA, "1\n")


def rename(project: Project) -> None:
    project.path(DATA).rename(project.path("src/deep/date.txt"))


def cut(name: str) -> Step:
    return lambda project: os.truncate(next(project.path("artifacts/.work").rglob(name)), 60)


def lose(name: str) -> Step:
    def remove(project: Project) -> None:
        for path in project.path("artifacts/.work").rglob(name):
            path.unlink()

    return remove


STEPS: dict[str, list[Step]] = {
    "again and again": [edit(MAIN, "1\n"), doit(), edit(MAIN, "22\n"), doit(), edit(MAIN, "3\n")],
    "swapped": [edit(MAIN, "1\n"), edit(DATA, "2\n"), doit(), doit(), swap],
    "planned, and not collected": [rename, doit("list"), doit("list"), edit(MAIN, "1\n")],
    "for one platform": [
        edit(MAIN, "1\n"), doit("package:demo:mac-mini"), doit("package:demo:mac-mini"),
        edit(DATA, "2\n"),
    ],
    "what was seen is damaged": [edit(MAIN, "1\n"), cut("seen")],
    "what was collected is damaged": [edit(MAIN, "1\n"), cut("collect.json")],
    "what platforms share is damaged": [edit(MAIN, "1\n"), cut("listings/*.json")],
    "what platforms share is lost": [lose("listings/*.json")],
    "how that was shared out is lost": [edit(MAIN, "1\n"), lose("listings/*.groups")],
    "another version": [edit(MAIN, "1\n"), lambda each: each.edit("specs/demo.yaml", "1.0", "1.1")],
    "a template": [edit(MAIN, "1\n"), lambda each: each.edit("config/demo.ini.j2", "demo", "d")],
}  # fmt: skip


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_whatever_was_seen_before_a_build_gives_the_bytes_of_one_that_begins_anew(
    project: Project, tmp_path: Path, steps: list[Step]
) -> None:
    clean = Project(tmp_path / "clean", {})
    with unmeasured():
        for step in steps:
            step(project)
            settle(project.root)
        project.doit()
        ignore = shutil.ignore_patterns("artifacts")
        shutil.copytree(project.root, clean.root, symlinks=True, ignore=ignore)
        clean.doit()
    new = "demo-1.1" if clean.path("artifacts/demo-1.1-mac-mini").exists() else "demo-1.0"
    made = {path: what for path, what in left(project.root).items() if path.startswith(new)}
    assert made == left(clean.root)


def test_how_files_share_chunks_is_known_until_what_was_edited_is_packed(built: Project) -> None:
    settle(built.root)
    built.doit()  # what has settled is remembered
    listings = built.path("artifacts/.work/listings")
    before = {path for path in listings.iterdir() if path.suffix == ".groups"}
    built.write(MAIN, "edited\n")
    built.doit("collect")
    assert before <= {*listings.iterdir()}
    built.doit("package")
    built.write(MAIN, "and again\n")
    built.doit("package")
    assert before.isdisjoint(listings.iterdir())
