"""What it costs to install a package, and then another release of it, on several disks."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from .measure import BenchError, Command, Series, alternate, run
from .project import TREE, Project
from .trees import generated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .measure import Say
    from .trees import Tree

INSTALL = "install"
FIRST = "provision install"
UPGRADE = "provision install, one file changed"
TAR_AND_SYNC = "tar -xzf, sync"
COPY = "cp -a --reflink=auto, sync"
OURS = {FIRST: "first", UPGRADE: "one file changed"}
TOOLS = ("bash", "cp", "gzip", "mkfs.ext4", "mkfs.xfs", "mount", "sync", "tar", "umount")
TREE_OF_MANY = generated(20_000)

_MAKE = {
    "ext4": ("mkfs.ext4", "-q"),  # what a Raspberry Pi has
    "XFS": ("mkfs.xfs", "-q", "-m", "reflink=1"),  # where two files can share what they hold
}
PLACES = tuple(f"{TREE_OF_MANY.title} on {disk}" for disk in _MAKE)
"""What the results are filed under."""
_SIZE = 2 << 30  # bytes of a disk


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packages:
    """Two releases of a project that differ in one file, and the tool that installs them."""

    project: Project
    tool: Path
    first: Path
    second: Path


def measure(tree: Tree, scratch: Path, rounds: int, say: Say) -> dict[str, dict[str, Series]]:
    """Measure on each disk: a file system in a file below `scratch`.

    Raises:
        BenchError: if somebody else than root asks, who cannot mount; or a program fails.
    """
    if os.geteuid() != 0:
        raise BenchError("only root can mount the disks to install on; choose others with --only")
    say("building")
    packages = _built(tree, Project.below(scratch))
    results = {}
    for place, make in zip(PLACES, _MAKE.values(), strict=True):
        with _mounted(packages.project, make) as at:
            told = partial(_say, say, place)
            results[place] = alternate(_commands(packages, at), rounds, told)
    return results


def _say(say: Say, place: str, text: str) -> None:
    say(f"{place}, {text}")


def _built(tree: Tree, project: Project) -> _Packages:
    project.write()
    tree.make(project.root / TREE)
    paths = []
    for name in ("first", "second"):
        run(project.doit())
        paths.append(project.out / f"{name}.tar.gz")
        shutil.copy(project.archive, paths[-1])
        project.change()
    first, second = paths
    run(project.command("tar", "-xzf", str(first), "-C", str(project.out), "bench/install"))
    tool = project.out / "bench" / "install"
    return _Packages(project=project, tool=tool, first=first, second=second)


def _commands(packages: _Packages, at: Path) -> dict[str, Command]:
    """In this order: what is upgraded is what was installed before."""
    project = packages.project

    def settle() -> None:
        run(project.command("sync", "-f", str(at)))

    def empty() -> None:
        for each in at.iterdir():
            shutil.rmtree(each)
        settle()

    def install(package: Path) -> tuple[str, ...]:
        return (str(packages.tool), "install", str(package), "--root", str(at))

    unpack = f"tar -xzf '{packages.first}' -C '{at}' && sync -f '{at}'"
    copy = f"cp -a --reflink=auto '{at}/bench' '{at}/copy' && sync -f '{at}'"
    return {
        TAR_AND_SYNC: project.command("bash", "-c", unpack, before=empty),
        # The floor of whatever gives each release files of its own.
        COPY: project.command("bash", "-c", copy, before=settle),
        FIRST: project.command(*install(packages.first), before=empty),
        UPGRADE: project.command(*install(packages.second), before=settle),
    }


@contextmanager
def _mounted(project: Project, make: tuple[str, ...]) -> Iterator[Path]:
    image, at = project.out / "disk", project.out / "at"
    with image.open("wb") as file:
        file.truncate(_SIZE)
    at.mkdir(exist_ok=True)
    run(project.command(*make, str(image)))
    run(project.command("mount", "-o", "loop", str(image), str(at)))
    try:
        yield at
    finally:
        run(project.command("umount", str(at)))
        image.unlink()
