"""What a build with nothing to do costs: nothing that grows with what it could have done."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

# What reads specs, makes layouts, renders, packs and tells of faults.
DEAR = {"yaml", "cerberus", "jinja2", "dotenv", "deflate", "rich", "tarfile"} | {
    f"provisioning.{name}"
    for name in (
        "artifact.model.manifest",
        "artifact.tar.archive",
        "builder.collect.layout",
        "builder.archive.pack",
        "spec.diagnostics",
        "spec.yaml.reader",
        "spec.resolve.project",
    )
}


@pytest.fixture
def settled(built: Project) -> Project:
    """A project of which all that can be remembered is: a run after a build learns a little."""
    assert "Nothing to do" in built.doit()
    return built


def _stamps(project: Project) -> dict[str, tuple[int, int, int]]:
    """Of every file, and of every directory, in which a journal would have come and gone."""
    found = [(path, path.lstat()) for path in [project.root, *project.root.rglob("*")]]
    return {str(path): (each.st_ino, each.st_mtime_ns, each.st_size) for path, each in found}


def _run(project: Project, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=project.root,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert "Nothing to do" in done.stdout
    return done.stdout


def test_it_writes_nothing(settled: Project) -> None:
    before = _stamps(settled)
    assert "Nothing to do" in settled.doit()
    assert _stamps(settled) == before


def test_it_opens_nothing_of_the_project_but_the_dodo_file_and_its_records(
    settled: Project,
) -> None:
    traced = _run(settled, "strace", "-f", "-e", "trace=open,openat", sys.executable, "-m", "doit")
    files = re.findall(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)", (?!.*O_DIRECTORY)', traced)
    paths = {Path(os.path.normpath(settled.root / file)) for file in files}
    opened = {path.relative_to(settled.root) for path in paths if settled.root in path.parents}
    kept = {path for path in opened if path.suffix in {".sqlite", ".pyc"}}
    assert kept
    assert opened - kept == {Path("dodo.py")}


def test_it_imports_nothing_that_makes_anything(settled: Project) -> None:
    told = _run(settled, sys.executable, "-X", "importtime", "-m", "doit")
    imported = set(re.findall(r"^import time:.*\| +(\S+)$", told, re.MULTILINE))
    assert "provisioning.builder.plan.plan" in imported
    assert DEAR & imported == set()
