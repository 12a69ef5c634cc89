"""Power cuts: the machine stops at each step to the disk, and what was in memory alone is lost.

A file system of its own lies in a file. Its power is cut by the shutdown ioctl of ext4, which has
it forget all that is not on the disk yet; then it is mounted again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .injecting import traced
from .machine import Machine
from .test_kills import demand_whole, edited, first, purge, rollback, uninstall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Scenario = Callable[[Machine], list[str]]

pytestmark = pytest.mark.sweep

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, of linux/fs/ext4/ext4.h
_NO_FLUSH = (2).to_bytes(4, "little")
_STEPS = ("fsync", "syncfs", "renameat")
_NO_SYNCS = ("fsync:retval=0", "syncfs:retval=0")


class Disk:
    """A small file system whose power can be cut.

    It lies in another file each time: what still holds the old one cannot show up in the new.
    """

    def __init__(self, folder: Path) -> None:
        self.image, self.at, self._folder, self._number = folder / "disk", folder / "at", folder, 0
        self.at.mkdir()
        subprocess.run(["truncate", "-s", "16M", str(self.image)], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-I", "256", str(self.image)], check=True)
        self.mount(self.image)

    def mount(self, image: Path) -> None:
        """Have power, and what is on that disk."""
        self._number += 1
        self.image = Path(shutil.copyfile(image, self._folder / f"disk-{self._number}"))
        subprocess.run(["mount", "-o", "loop", str(self.image), str(self.at)], check=True)

    def unmount(self) -> Path:
        """Have no file system there; return the file that it lies in."""
        subprocess.run(["umount", str(self.at)], check=True)
        return self.image

    def cut(self) -> None:
        """Lose what is in memory alone, and come up again."""
        descriptor = os.open(self.at, os.O_RDONLY)
        fcntl.ioctl(descriptor, _SHUTDOWN, _NO_FLUSH)
        os.close(descriptor)
        left = self.unmount()
        self.mount(left)
        left.unlink()


class Cuts:
    """A command on a disk, which begins as it was each time."""

    def __init__(self, disk: Disk, machine: Machine, scenario: Scenario) -> None:
        self.disk, self.machine = disk, machine
        self.words = [*scenario(machine), "--root", str(machine.root)]
        self.before = machine.version
        self.image = disk.unmount()
        disk.mount(self.image)

    def run(self, *injections: str) -> int:
        """Run it on the disk as it was, and cut the power."""
        self.disk.unmount().unlink()
        self.disk.mount(self.image)
        code = traced(self.machine.folder, self.words, *injections).code
        self.disk.cut()
        return code


@contextmanager
def cuts(scenario: Scenario, capsys: pytest.CaptureFixture[str]) -> Iterator[Cuts]:
    """A machine whose root is a disk of its own."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        disk = Disk(folder)
        machine = Machine(folder, capsys)
        machine.root = disk.at / "root"
        machine.root.mkdir()
        machine.prefix = machine.root / "opt/greenhouse"
        try:
            yield Cuts(disk, machine, scenario)
        finally:
            disk.unmount()


@pytest.mark.parametrize(
    ("scenario", "after"),
    [(first, "1.4.2"), (edited, "1.5.0"), (rollback, "1.4.2"), (uninstall, ""), (purge, "")],
)
def test_a_power_cut_at_each_step_leaves_the_old_or_the_new_and_success_survives(
    capsys: pytest.CaptureFixture[str],
    scenario: Scenario,
    after: str,
    injected: Callable[[str], None],
) -> None:
    with cuts(scenario, capsys) as cutting:
        machine = cutting.machine
        assert cutting.run() == 0
        injected("power cuts")
        demand_whole(machine, after)
        assert machine.version == after
        for call in _STEPS:
            number = 1
            while cutting.run(f"{call}:signal=SIGKILL:when={number}") == -9:
                injected("power cuts")
                demand_whole(machine, cutting.before, after)
                if machine.prefix.exists():
                    assert machine.run("recover", "/opt/greenhouse").code == 0
                demand_whole(machine, cutting.before, after)
                assert [*machine.root.rglob(".provisioning-*")] == []
                number += 1
            assert number > 1 or call == "syncfs"  # of which only what writes a release has one


def test_without_syncs_the_same_power_cut_does_harm(capsys: pytest.CaptureFixture[str]) -> None:
    with cuts(edited, capsys) as cutting:
        assert cutting.run(*_NO_SYNCS) == 0
        assert cutting.machine.version != "1.5.0"  # success was told, and is lost
