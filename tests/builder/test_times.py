"""A version is put over another, and what runs then is the other: in every format, by every tool.

Python believes the byte code that it has left of a file while time and size of that are the same.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from provisioning.artifact.tar.archive import EPOCH, mtime_of_content
from provisioning.artifact.verification import verify_release
from provisioning.builder.archive.pack import pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace import checksums
from provisioning.builder.workspace.paths import Workspace, workspace
from provisioning.installer.cli.command_line import main
from tests.artifact.making import file
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out

if TYPE_CHECKING:
    from provisioning.builder.collect.file_state import Digests

FORMATS = ("tar.gz", "tar.zst", "tar.xz", "zip", "deb", "dir")


class Put(NamedTuple):
    """A way to have a package in the directory `there`, over what is there."""

    format: str
    command: str
    needs: str


WAYS = [
    Put("tar.gz", "tar -xzf {} -C there", "GNU tar"),
    Put("tar.xz", "tar -xJf {} -C there", "xz"),
    Put("tar.zst", "tar --zstd -xf {} -C there", "zstd"),
    Put("tar.gz", "bsdtar -xf {} -C there", "bsdtar"),
    Put("zip", "bsdtar -xf {} -C there", "bsdtar"),
    Put("tar.xz", "busybox tar -xJf {} -C there", "busybox"),
    Put("zip", "unzip -qo {} -d there", "unzip"),
    Put("deb", "dpkg-deb -x {} there", "dpkg"),
    Put("dir", "rsync -a {} there", "rsync"),
    Put("dir", "cp -a {} there", "GNU tar"),
]


def built(digests: Digests, version: str, mtime: str, *formats: str) -> Workspace:
    """A package with a module of the same size in each version."""
    write("t/m.py", f"A = {version}\n")
    contents = (content("src", "t", "lib/"),)
    described = variant(*contents, formats=formats, mtime=mtime, version=f"{version}.0")
    (layout,) = lay_out([described], Sources("artifacts"))
    place = workspace(described, "artifacts")
    pack(place, Listing.of(collect(layout, digests.look)), digests)
    checksums.write_sums(place)
    reports = verify_release(place.release)
    assert [finding for report in reports for finding in report.findings] == []
    return place


def ran(lib: Path, **environment: str) -> str:
    """What a program says that imports the module."""
    command = [sys.executable, "-c", "import m; print(m.A)"]
    environment = {"PYTHONPATH": str(lib), **environment}
    return subprocess.check_output(command, text=True, env=environment).strip()


def said(digests: Digests, way: Put, mtime: str = "") -> list[str]:
    """What the program says of two versions, the second of which is put over the first."""
    Path("there").mkdir()
    told = []
    for version in ("1", "2"):
        path = built(digests, version, mtime, way.format).artifact(way.format)
        subprocess.run([word.format(path) for word in way.command.split()], check=True)
        told.append(ran(next(Path("there").rglob("m.py")).parent))
    return told


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=pytest.mark.needs(way.needs), id=way.command) for way in WAYS]
)
def test_old_code_never_runs_whoever_unpacks_the_new(digests: Digests, way: Put) -> None:
    assert said(digests, way) == ["1", "2"]


@pytest.mark.needs("GNU tar")
def test_with_one_time_for_all_it_does(digests: Digests) -> None:
    assert said(digests, WAYS[0], mtime="epoch") == ["1", "1"]


def times(place: Workspace) -> dict[str, int]:
    """The time of each path as tar, or whoever copies the directory, has it."""
    root = place.artifact("dir")
    return {str(path.relative_to(root)): int(path.lstat().st_mtime) for path in root.rglob("*")}


def test_a_time_changes_with_its_content_alone(digests: Digests) -> None:
    write("t/other", "x")
    first = times(built(digests, "1", "", "dir"))
    Path("t/other").touch()
    second = times(built(digests, "2", "content", "dir"))
    assert {path for path in first if first[path] != second[path]} == {
        "lib/m.py",
        ".provisioning/manifest.json",
    }
    assert first["lib"] == EPOCH
    assert {*times(built(digests, "2", "epoch", "dir")).values()} == {EPOCH}


def test_each_format_is_verified_with_either_time(digests: Digests) -> None:
    for mtime in ("epoch", "content"):
        built(digests, "1", mtime, *FORMATS)  # which asserts it
    assert main(["verify", "--quiet", "artifacts/demo-1.0-raspberry-pi"]) == 0


def test_the_time_of_a_file_is_never_that_of_all() -> None:
    odd = file("a")[0]._replace(digest="0" * 64)  # an even multiple of the span
    assert mtime_of_content(odd) == EPOCH + 2
