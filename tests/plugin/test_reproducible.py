"""Same inputs, same bytes: whoever builds, wherever, whenever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pip
import pytest

from tests.conftest import unmeasured
from tests.plugin.conftest import FILES, Project
from tests.plugin.shipped import PROJECTS, lay, left, offer_all_formats

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIATIONS = {
    "another host name": ["unshare", "-u", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh"],
    "another kernel on another processor": ["setarch", "i686", "--uname-2.6"],
    "one core": ["taskset", "-c", "0"],
    "another umask": ["sh", "-c", 'umask 077; exec "$@"', "sh"],
    "no environment": ["env", "-i", f"PATH={os.environ['PATH']}"],
    "another home": ["env", "HOME=/nonexistent", "USER=nobody", "LOGNAME=nobody"],
    "another time zone": ["env", "TZ=Pacific/Kiritimati"],
    "another locale": ["env", "LC_ALL=POSIX", "LANG=C"],
    "another hash seed": ["env", "PYTHONHASHSEED=7"],
    "another user": ["unshare", "-U", "--map-user=1000", "--map-group=1000"],
}
DATES = {"the past": "1985-10-26 01:21:00", "the future": "2040-02-29 23:59:59"}
ORDERS = {"sorted": "--reverse-dirents=no", "reversed": "--reverse-dirents=yes"}
EVERYTHING = [
    *(word for prefix in VARIATIONS.values() for word in prefix),
    *("faketime", "-f", f"@{DATES['the past']}"),
]
SEEN = """
import os, platform, time
os.umask(mask := os.umask(0))
print(platform.node(), platform.release()[:3], platform.machine(), os.sched_getaffinity(0), mask,
    os.environ.get("HOME"), time.tzname, os.environ.get("LC_ALL"), hash("x"), os.getuid(),
    time.gmtime().tm_year, sep="\\n")
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("one") / "project", {**FILES, "src/nämé": "text"})
    offer_all_formats(project.root)
    _build(project.root)
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


@unmeasured()
def _build(root: Path, *before: str) -> None:
    command = [*before, sys.executable, "-m", "doit"]
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "variation",
    [
        pytest.param(
            name, marks=pytest.mark.needs("Linux", "root" if "unshare" in words else "Linux")
        )
        for name, words in VARIATIONS.items()
    ],
)
def test_another_clone_gives_the_same_bytes(
    original: Project, tmp_path: Path, variation: str
) -> None:
    clone = _clone(original, tmp_path / "a deeper" / "path")
    _build(clone.root, *VARIATIONS[variation])
    assert left(clone.root) == left(original.root)


@pytest.mark.sweep
@pytest.mark.parametrize("date", DATES)
def test_another_date_gives_the_same_bytes(original: Project, tmp_path: Path, date: str) -> None:
    clone = _clone(original, tmp_path / "clone")
    _build(clone.root, "faketime", "-f", f"@{DATES[date]}")
    assert left(clone.root) == left(original.root)


@pytest.mark.sweep
@pytest.mark.parametrize("order", ORDERS)
def test_another_order_of_directories_gives_the_same_bytes(
    original: Project, tmp_path: Path, order: str
) -> None:
    clone = _clone(original, tmp_path / "clone")
    with _disordered(clone.root, tmp_path / "mounted", order) as root:
        _build(root)
    assert left(clone.root) == left(original.root)


@contextmanager
def _disordered(root: Path, mounted: Path, order: str) -> Iterator[Path]:
    """The same directory, where directories are listed in this order."""
    mounted.mkdir()
    options = ["--sort-dirents=yes", ORDERS[order]]
    subprocess.run(["disorderfs", "-q", *options, root, mounted], check=True)
    try:
        listed = [name for name in os.listdir(mounted) if not name.startswith(".")]
        assert listed == sorted(listed, reverse=order == "reversed")
        yield mounted
    finally:
        subprocess.run(["fusermount", "-u", mounted], check=True)


@pytest.mark.sweep
def test_all_at_once_is_nothing_like_this_machine() -> None:
    here, there = (_output(*before, sys.executable, "-c", SEEN) for before in ([], EVERYTHING))
    alike = [one for one, other in zip(here, there, strict=True) if one == other]
    assert (len(here), alike) == (11, [])


def _output(*command: str) -> list[str]:
    return subprocess.check_output(command, text=True).splitlines()


@pytest.mark.sweep
@pytest.mark.parametrize("name", PROJECTS)
def test_all_at_once_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    one, other = lay(name, tmp_path / "one"), lay(name, tmp_path / "a deeper" / "path")
    _build(one)
    with _disordered(other, tmp_path / "mounted", "reversed") as root:
        _build(root, *EVERYTHING)
    assert left(other) == left(one)
    assert _diffoscope(one / "artifacts", other / "artifacts") == ""


def _diffoscope(one: Path, other: Path) -> str:
    """Where two directories differ, as Debian's reproducible builds tell it."""
    command = ["diffoscope", "--no-progress", "--exclude-directory-metadata=yes"]
    return subprocess.run(
        [*command, "--exclude", ".work", one, other], check=False, stdout=subprocess.PIPE, text=True
    ).stdout


def test_a_clean_build_gives_the_bytes_of_an_incremental_one(
    original: Project, tmp_path: Path
) -> None:
    clone = _clone(original, tmp_path / "clone")
    clone.write("src/extra", "x")
    clone.doit()
    clone.path("src/extra").unlink()
    clone.doit()
    assert left(clone.root) == left(original.root)


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
