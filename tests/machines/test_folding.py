"""Where case and normal forms do not count in names, packages are built, unpacked and verified."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.machines.folding import apfs, ntfs
from tests.plugin.conftest import Project
from tests.plugin.shipped import lay, left, offer_all_formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    System = Callable[[Path], AbstractContextManager[Path]]

pytestmark = pytest.mark.sweep

# Not the greenhouse on ntfs, which would list its VERSION as version.
BUILDS = [(ntfs, "repository"), (apfs, "greenhouse")]
UNPACK = {"tar.gz": ["tar", "-xf"], "tar.xz": ["bsdtar", "-xf"], "zip": ["unzip", "-q"]}


@pytest.fixture
def mac(tmp_path: Path) -> Iterator[Path]:
    with apfs(tmp_path) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("here")
    return {name: _build(lay(name, place / name)) for _, name in BUILDS}


def _build(root: Path) -> Path:
    command = [sys.executable, "-m", "doit"]
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
    return root


def _verified(tree: Path) -> bool:
    command = [sys.executable, "-m", "provisioning.installer", "verify", tree]
    return subprocess.check_output(command, text=True).endswith(" entries, verified\n")


@pytest.mark.parametrize("system", [apfs, ntfs])
def test_two_spellings_are_one_file_there(tmp_path: Path, system: System) -> None:
    with system(tmp_path) as mounted:
        (mounted / "readme").write_text("small")
        (mounted / "README").write_text("large")
        assert (mounted / "readme").read_text() == "large"
        assert len(os.listdir(mounted)) == 1


def test_a_name_is_one_in_both_normal_forms_and_keeps_its_own(mac: Path) -> None:
    (mac / "Gr\u00f6\u00dfe").write_text("text")
    assert (mac / "GRO\u0308SSE").read_text() == "text"
    assert os.listdir(mac) == ["Gr\u00f6\u00dfe"]


@pytest.mark.parametrize(("system", "name"), BUILDS)
def test_a_build_there_gives_the_same_bytes(
    here: dict[str, Path], tmp_path: Path, system: System, name: str
) -> None:
    with system(tmp_path) as mounted:
        there = _build(lay(name, mounted / "there"))
        assert _folded(left(there)) == _folded(left(here[name]))


def _folded(files: dict[str, str]) -> dict[str, str]:
    return {path.casefold(): told for path, told in files.items()}


@pytest.mark.parametrize("format", UNPACK)
@pytest.mark.parametrize(("system", "name"), BUILDS)
def test_what_is_unpacked_there_is_verified(
    here: dict[str, Path], tmp_path: Path, system: System, name: str, format: str
) -> None:
    (archive,) = here[name].glob(f"artifacts/*-mac-mini/*.{format}")
    with system(tmp_path) as mounted:
        subprocess.run([*UNPACK[format], archive], cwd=mounted, check=True)
        (tree,) = mounted.iterdir()
        assert _verified(tree)


def test_a_source_that_changes_its_case_is_packed_in_the_new_one(mac: Path, tmp_path: Path) -> None:
    """Its inode, size and times stay as they were."""
    project, clean = Project(mac / "project"), Project(tmp_path / "clean")
    for each in (project, clean):
        offer_all_formats(each.root)
        each.write("src/Grösse.py", "x = 1\n")
    project.doit()
    for each in (project, clean):
        os.rename(each.path("src/Grösse.py"), each.path("src/GRÖSSE.py"))
    assert "collect:demo:mac-mini" in project.ran()
    clean.doit()
    assert left(project.root) == left(clean.root)
