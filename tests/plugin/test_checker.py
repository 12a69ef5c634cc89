from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from provisioning.builder.collect.file_state import Digests
from provisioning.plugin.database import CHANGED_MEANWHILE, Checker

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checker(tmp_path: Path) -> Checker:
    return Checker(Digests(tmp_path / "digests.sqlite"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("text")
    return path


def _recorded(checker: Checker, path: Path) -> str:
    checker.look_before(str(path))
    state = checker.get_state(str(path), None)
    assert state is not None
    return state


def _modified(checker: Checker, path: Path, state: str) -> bool:
    return checker.check_modified(str(path), os.lstat(path), state)


def test_an_untouched_file_is_unmodified(checker: Checker, path: Path) -> None:
    assert not _modified(checker, path, _recorded(checker, path))


def test_an_equal_file_in_its_place_is_unmodified(checker: Checker, path: Path) -> None:
    state = _recorded(checker, path)
    path.unlink()
    path.write_text("text")
    assert not _modified(checker, path, state)


def test_other_content_of_the_same_size_and_mtime_is_modified(checker: Checker, path: Path) -> None:
    state = _recorded(checker, path)
    before = path.stat()
    path.write_text("tixt")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert _modified(checker, path, state)


def test_an_executable_bit_is_a_change_and_other_bits_are_not(checker: Checker, path: Path) -> None:
    state = _recorded(checker, path)
    path.chmod(0o600)
    assert not _modified(checker, path, state)
    path.chmod(0o700)
    assert _modified(checker, path, state)


def test_a_link_stands_for_what_it_leads_to(checker: Checker, path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to("file")
    state = _recorded(checker, link)
    assert not _modified(checker, link, state)
    path.write_text("edited")
    assert _modified(checker, link, state)


def test_an_edit_while_the_task_runs_is_never_recorded_as_built(
    checker: Checker, path: Path
) -> None:
    checker.look_before(str(path))
    path.write_text("edited meanwhile")
    state = checker.get_state(str(path), None)
    assert state == CHANGED_MEANWHILE
    assert _modified(checker, path, state)


def test_an_edit_before_a_parallel_task_looks_counts_for_both(checker: Checker, path: Path) -> None:
    checker.look_before(str(path))
    path.write_text("edited meanwhile")
    checker.look_before(str(path))
    assert checker.get_state(str(path), None) == CHANGED_MEANWHILE


def test_what_came_while_the_task_ran_is_not_vouched_for(checker: Checker, path: Path) -> None:
    late = path.with_name("late")
    checker.look_before(str(late))
    late.write_text("text")
    assert checker.get_state(str(late), None) == CHANGED_MEANWHILE


def test_what_only_tasks_of_others_look_at_is_recorded_as_it_is_afterwards(
    checker: Checker, path: Path
) -> None:
    checker.info(str(path))
    path.write_text("what the task itself makes of it")
    state = checker.get_state(str(path), None)
    assert state is not None
    assert not _modified(checker, path, state)


def test_an_unchanged_state_is_not_written_again(checker: Checker, path: Path) -> None:
    state = _recorded(checker, path)
    assert checker.get_state(str(path), state) is None


def test_a_file_that_cannot_be_looked_at_is_left_to_the_task(
    checker: Checker, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert _modified(checker, tmp_path / "pipe", "any")
    checker.look_before(str(tmp_path / "pipe"))
    assert checker.get_state(str(tmp_path / "pipe"), None) == CHANGED_MEANWHILE


def test_a_file_that_vanishes_is_told_to_doit(checker: Checker, path: Path) -> None:
    path.unlink()
    with pytest.raises(FileNotFoundError):
        checker.get_state(str(path), None)


def test_a_target_that_is_a_link_to_nothing_is_missing(checker: Checker, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("later")
    assert not checker.exists(str(tmp_path / "link"))
    (tmp_path / "later").mkdir()
    assert checker.exists(str(tmp_path / "link"))
