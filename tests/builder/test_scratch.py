"""Where a package is unpacked to see what becomes of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import process_pool
from provisioning.builder.workspace import leftovers as module
from provisioning.builder.workspace.leftovers import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20


@pytest.fixture
def work(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture
def in_memory(work: Path) -> Iterator[Path]:
    """Where the directory lies if there is memory for it."""
    path = module._named(module._MEMORY, work)
    yield path
    assert not os.path.lexists(path)


def _fill(directory: Path) -> None:
    for name in ("a/b/c", "closed/d"):
        (directory / name).mkdir(parents=True)
        (directory / name / "x").touch()
    (directory / "a/link").symlink_to("..")
    (directory / "closed").chmod(0)


@pytest.mark.parametrize("processors", [1, 2])
def test_it_lies_in_memory_and_leaves_nothing(
    work: Path, in_memory: Path, processors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: processors)
    with scratch(work, MIB) as directory:
        assert directory == in_memory
        assert directory.stat().st_mode & 0o777 == 0o700
        assert not list(directory.iterdir())
        _fill(directory)
        for number in range(20):
            (directory / f"a/{number}").mkdir()
            (directory / f"a/{number}/x").touch()
    assert not list(work.iterdir())


def test_it_lies_on_disk_where_it_would_take_too_much_memory(work: Path, in_memory: Path) -> None:
    with scratch(work, 1 << 60) as directory:
        assert directory == work / "scratch"
        _fill(directory)
        assert not in_memory.exists()
    assert not list(work.iterdir())


@pytest.mark.parametrize("part", [2, 5])
def test_it_takes_a_fourth_of_the_free_memory_at_most(
    work: Path, in_memory: Path, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_free_memory", lambda: part * MIB)
    with scratch(work, MIB) as directory:
        assert (directory == in_memory) == (part > 4)


def test_it_lies_on_disk_where_there_is_no_file_system_in_memory(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MEMORY", tmp_path / "none")
    with scratch(work, 0) as directory:
        assert directory == work / "scratch"


@pytest.mark.needs("root")
def test_nobody_else_can_take_its_place(work: Path, in_memory: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").touch()
    in_memory.symlink_to(outside)
    os.lchown(in_memory, 65534, 65534)
    with scratch(work, MIB) as directory:
        assert directory == work / "scratch"
    assert in_memory.is_symlink()
    in_memory.unlink()
    assert list(outside.iterdir()) == [outside / "x"]


@pytest.mark.parametrize("room", [MIB, 1 << 60])
def test_what_a_killed_run_left_is_removed_from_both(
    work: Path, in_memory: Path, room: int
) -> None:
    for left in (in_memory, work / "scratch"):
        left.mkdir()
        _fill(left)
    with scratch(work, room) as directory:
        assert not list(directory.iterdir())
        assert in_memory.exists() != (work / "scratch").exists()


def test_what_is_left_is_not_followed_where_it_is_a_link(
    work: Path, in_memory: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    _fill(outside)
    in_memory.symlink_to(outside)
    (work / "scratch").symlink_to(outside)
    with scratch(work, MIB) as directory:
        assert directory == in_memory
    assert (outside / "a/b/c/x").exists()
    (outside / "closed").chmod(0o700)


def test_two_projects_do_not_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = set()
    for name in ("one", "two"):
        (tmp_path / name / "work").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / name)
        with scratch(Path("work"), MIB) as directory:
            places.add(directory)
    assert len(places) == 2
