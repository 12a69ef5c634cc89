"""The benchmark on a tiny tree: it measures what it says, and no time is looked at."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.conftest import unmeasured

from . import installing, page
from .installing import COPY, FIRST, INSTALL, TAR_AND_SYNC, UPGRADE
from .measure import run
from .project import TREE, Project
from .results import REAL
from .rivals import EMPTY, GZIP, SAME_TAR, TAR_AND_SUMS, XZ_ALL, XZ_SAME_TAR
from .tools import INSTALL as PROGRAMS
from .trees import generated
from .works import CHANGED, COLD, NO_OP, OURS, VERIFY, XZ, Plan, measure

if TYPE_CHECKING:
    from pathlib import Path

TINY = replace(generated(40), name=REAL)
# What the other tests need too.
AT_HAND = {"bash", "find", "gzip", "sha256sum", "tar", "xz"} | {*installing.TOOLS}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.below(tmp_path)
    project.write()
    TINY.make(project.root / TREE)
    return project


def built(project: Project) -> str:
    """The digest of the archive after `doit package`."""
    run(project.doit("package"))
    return hashlib.sha256(project.archive.read_bytes()).hexdigest()


@unmeasured()
def test_each_edit_makes_another_archive_and_forgetting_leaves_nothing(project: Project) -> None:
    edits = (project.change, project.add, project.change_mode, project.change_variable)
    archives = [built(project)]
    for edit in edits:
        edit()
        archives.append(built(project))
    assert len({*archives}) == len(edits) + 1
    project.forget()
    assert {path.name for path in project.root.iterdir()} & {"artifacts"} == set()
    assert len(project.files()) == TINY.files


@pytest.mark.needs("root", "mkfs.xfs", "mkfs.ext4")
@unmeasured()
def test_works_on_a_tiny_tree_are_measured_and_told(tmp_path: Path) -> None:
    plan = Plan(
        trees=[TINY],
        works=("no-op", "build", "verify", XZ, INSTALL),
        without=PROGRAMS.keys() - AT_HAND,
        rounds=1,
        rounds_of_large=1,
        installed=TINY,
    )
    scratch, disk = tmp_path / "scratch", tmp_path / "disk"
    for each in (scratch, disk):
        each.mkdir()
    results = measure(plan, scratch, disk, str)
    assert [*scratch.iterdir(), *disk.iterdir()] == []
    commands = {work: list(measured) for (_, work), measured in results.by.items()}
    installed = [place for place, work in results.by if work == INSTALL]
    assert installed == [*installing.PLACES]
    assert commands == {
        "no-op": [NO_OP, EMPTY, "doit, the files as file_dep", "find -printf '%T@ %s'"],
        "build": [*OURS["build"], GZIP, SAME_TAR],
        "verify": [VERIFY, TAR_AND_SUMS],
        XZ: [*OURS[XZ], XZ_ALL, XZ_SAME_TAR],
        INSTALL: [TAR_AND_SYNC, COPY, FIRST, UPGRADE],
    }
    sizes = [results.of(TINY.name, "build", name).size or 0 for name in (COLD, CHANGED, GZIP)]
    assert min(sizes) > 10_000
    text = page.page(results, {TINY.name: TINY}, {})
    assert [name for names in commands.values() for name in names if cell(name) not in text] == []


def cell(name: str) -> str:
    escaped = name.replace("|", "\\|")
    return f"\n| {escaped} | "
