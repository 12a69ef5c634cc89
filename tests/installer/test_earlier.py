"""Files that a release shares with the one before it, where the disk can, and their times."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.tar.archive import mtime_of_content
from tests.artifact.making import file

from .making import items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .machine import Machine

LARGE = file("large", os.urandom(8 << 20))
PAST = 1_000_000_000
MAIN = b"print('Hello')\n" * 50


def holding(version: str) -> list[object]:
    return [*items(version), LARGE]


@pytest.fixture
def on_xfs(machine: Machine) -> Iterator[Machine]:
    """A machine whose disk can share what two files have in common."""
    image = machine.folder / "image"
    with image.open("wb") as stream:
        stream.truncate(320 << 20)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, machine.root], check=True)
    yield machine
    subprocess.run(["umount", machine.root], check=True)


def used(machine: Machine) -> int:
    os.sync()
    status = os.statvfs(machine.root)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


@pytest.mark.needs("root")
def test_what_has_not_changed_takes_no_space(on_xfs: Machine) -> None:
    on_xfs.install("1.4.2", holding("1.4.2"))
    before = used(on_xfs)
    on_xfs.install("1.5.0", holding("1.5.0"))
    assert used(on_xfs) - before < 2 << 20
    assert on_xfs.run("verify", "greenhouse").code == 0
    old, new = (on_xfs.prefix / link / "large" for link in ("previous", "current"))
    assert old.stat().st_ino != new.stat().st_ino
    old.write_bytes(b"edited")
    assert on_xfs.run("verify", "greenhouse").code == 0


@pytest.mark.parametrize(
    "disk", ["machine", pytest.param("on_xfs", marks=pytest.mark.needs("root"))]
)
def test_what_was_tampered_with_is_not_shared(request: pytest.FixtureRequest, disk: str) -> None:
    machine: Machine = request.getfixturevalue(disk)
    machine.install("1.4.2", holding("1.4.2"))
    with (machine.prefix / "current/large").open("r+b") as stream:
        stream.write(b"tampered")
    installed = machine.install("1.5.0", holding("1.5.0"))
    assert installed.code == 0, installed
    assert machine.run("verify", "greenhouse").code == 0
    assert (machine.prefix / "current/large").read_bytes() == LARGE.content


def test_a_file_bears_the_time_of_its_content(machine: Machine) -> None:
    machine.install("1.4.2")
    os.utime(machine.prefix / "current/lib/main.py", (PAST, PAST))  # whatever that may be for
    machine.install("1.5.0")
    old, new = (machine.prefix / link for link in ("previous", "current"))
    for path, content in (("lib/main.py", MAIN), ("VERSION", b"1.5.0")):
        assert (new / path).stat().st_mtime == mtime_of_content(file(path, content).entry)
    sizes = {(each / "VERSION").stat().st_size for each in (old, new)}
    times = {(each / "VERSION").stat().st_mtime for each in (old, new)}
    assert (len(sizes), len(times)) == (1, 2)


@pytest.mark.needs("root")
def test_what_is_shared_bears_it_too(on_xfs: Machine) -> None:
    for version in ("1.4.2", "1.5.0"):
        on_xfs.install(version, holding(version))
    time = (on_xfs.prefix / "current/large").stat().st_mtime
    assert time == mtime_of_content(LARGE.entry)


def test_what_is_gone_is_written(machine: Machine) -> None:
    machine.install("1.4.2")
    (machine.prefix / "current/lib/main.py").unlink()
    assert machine.install("1.5.0").code == 0
    assert machine.run("verify", "greenhouse").code == 0
