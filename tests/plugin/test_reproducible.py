"""Same inputs, same bytes: whoever builds, wherever, whenever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pip
import pytest

from tests.conftest import unmeasured
from tests.plugin.conftest import FILES, SPEC, Project

VARIATIONS = {
    "another user": ["unshare", "-U", "--map-user=1000", "--map-group=1000"],
    "another umask": ["sh", "-c", 'umask 077; exec "$@"', "sh"],
    "another time zone": ["env", "TZ=Pacific/Kiritimati"],
    "another locale": ["env", "LC_ALL=C", "LANG=C"],
    "another hash seed": ["env", "PYTHONHASHSEED=7"],
    "another host name": ["unshare", "-u", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh"],
    "one core": ["taskset", "-c", "0"],
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Project:
    spec = f"{SPEC}formats: [tar.gz, zip]\n"
    files = {**FILES, "specs/demo.yaml": spec}
    project = Project(tmp_path_factory.mktemp("one") / "project", files)
    project.write("src/nämé", "text")
    with unmeasured():
        project.doit()
    return project


def _clone(original: Project, where: Path) -> Project:
    """The same project at another path, its files made in another order, with other stamps."""
    for source in sorted(original.root.rglob("*"), reverse=True):
        path = where / source.relative_to(original.root)
        if source.is_file() and "artifacts" not in source.parts:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)
            os.utime(path, (1_000_000_000, 1_000_000_000))
    return Project(where, {})


def _bytes(project: Project) -> dict[str, bytes]:
    files = project.root.glob("artifacts/demo-*/*")
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in files}


@pytest.mark.parametrize("variation", VARIATIONS)
@unmeasured()
def test_another_clone_gives_the_same_bytes(
    original: Project, tmp_path: Path, variation: str
) -> None:
    clone = _clone(original, tmp_path / "a deeper" / "path")
    command = [*VARIATIONS[variation], sys.executable, "-m", "doit"]
    subprocess.run(command, cwd=clone.root, check=True, capture_output=True)
    assert _bytes(clone) == _bytes(original)


def test_a_clean_build_gives_the_bytes_of_an_incremental_one(
    original: Project, tmp_path: Path
) -> None:
    clone = _clone(original, tmp_path / "clone")
    clone.write("src/extra", "x")
    clone.doit()
    clone.path("src/extra").unlink()
    clone.doit()
    assert _bytes(clone) == _bytes(original)


@unmeasured()
def test_a_tree_that_nobody_here_wrote_makes_the_whole_way(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    tree = Path(pip.__file__).parent
    shutil.copytree(tree, project.path("src/pip"), ignore=shutil.ignore_patterns("__pycache__"))
    project.doit()
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["bsdtar", "-xf", project.archive(), "-C", out], check=True)
    assert sum(path.is_file() for path in out.rglob("*")) > 300
    subprocess.run(["diff", "-r", project.path("src"), out / "demo/lib"], check=True)
