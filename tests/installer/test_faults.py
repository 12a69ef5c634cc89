"""Disks that are full, or cannot be written: the old release stays, and space is given back."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.artifact.making import file

from .injecting import traced
from .kills import Full, ended_at
from .machine import listing
from .making import items, package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .machine import Machine


@pytest.fixture
def mounted(machine: Machine) -> Iterator[Callable[[str], None]]:
    """A small disk for a machine."""

    def mount(options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", machine.root], check=True)

    yield mount
    subprocess.run(["umount", machine.root], check=True)


@pytest.mark.needs("root")
def test_a_disk_that_is_too_small_is_told_before(
    machine: Machine, mounted: Callable[[str], None]
) -> None:
    mounted("size=3m")
    machine.install("1.4.2")
    before = listing(machine.root)
    large = (*items("1.5.0"), file("large", bytes(3 << 20)))
    outcome = machine.install("1.5.0", large)
    assert outcome.code == 2
    assert re.fullmatch(
        r"provision: /opt/greenhouse: 4\.\d MiB are needed, 2\.\d MiB are free\n", outcome.err
    )
    assert listing(machine.root) == before


@pytest.mark.needs("root")
def test_a_disk_without_inodes_is_told_before(
    machine: Machine, mounted: Callable[[str], None]
) -> None:
    mounted("nr_inodes=150")
    machine.install("1.4.2")
    before = listing(machine.root)
    many = (*items("1.5.0"), *(file(f"lib/{number:03}") for number in range(100)))
    outcome = machine.install("1.5.0", many)
    assert outcome.code == 2
    assert outcome.err.startswith("provision: /opt/greenhouse: 180 inodes are needed, ")
    assert listing(machine.root) == before


@pytest.mark.needs("root")
def test_a_disk_that_fills_up_meanwhile_leaves_the_old_or_the_new(
    machine: Machine, mounted: Callable[[str], None], injected: Callable[[str], None]
) -> None:
    mounted("size=8m")
    machine.install("1.4.2")
    path = package(machine.folder, "1.5.0", items("1.5.0", b"port = 9\n"))
    words = ["install", str(path), "--root", str(machine.root)]
    before, number = machine.releases(), 1
    while code := ended_at(Full(number, machine.root / "filler"), words):
        injected("full disks")
        assert code in {2, 4}
        assert machine.version == "1.4.2"
        (machine.root / "filler").unlink()
        assert machine.run("recover", "greenhouse").code == 0
        assert machine.run("verify", "greenhouse").code == 0
        assert set(machine.releases()) <= {*before, "1.5.0"}
        assert [*machine.root.rglob(".provisioning-*")] == []
        machine.run("gc", "greenhouse")
        number += 5
    assert machine.version == "1.5.0"
    assert number > 50


@pytest.mark.needs("root")
def test_a_disk_that_cannot_be_written_is_told(
    machine: Machine, mounted: Callable[[str], None]
) -> None:
    mounted("ro")
    assert machine.install("1.4.2") == (
        3,
        "",
        "provision: /opt/greenhouse: Read-only file system\n",
    )


@pytest.mark.needs("root")
def test_an_installed_package_on_such_a_disk_is_told_of(
    machine: Machine, mounted: Callable[[str], None]
) -> None:
    mounted("size=8m")
    machine.install("1.4.2")
    subprocess.run(["mount", "-o", "remount,ro", machine.root], check=True)
    assert machine.run("verify", "greenhouse").code == 0
    told = "provision: /opt/greenhouse/state/lock: Read-only file system\n"
    assert machine.install("1.5.0") == (2, "", told)
    for command in ("uninstall", "gc", "recover"):
        assert machine.run(command, "greenhouse") == (2, "", told)


@pytest.mark.parametrize("call", ["fsync", "syncfs"])
def test_what_could_not_be_synced_is_not_synced_again(machine: Machine, call: str) -> None:
    words = ["install", str(package(machine.folder, "1.4.2")), "--root", str(machine.root)]
    number = traced(machine.folder, words).numbers(call, "state|releases")[0]
    assert machine.run("uninstall", "greenhouse", "--purge").code == 0
    done = traced(machine.folder, words, f"{call}:error=EIO:when={number}")
    assert (done.code, machine.version) == (2, "")
    assert "Input/output error" in done.err
    (failed,) = (line for line in done.trace if "(INJECTED)" in line)
    again = failed.partition(")")[0]
    assert sum(line.startswith(again) for line in done.trace) == 1
