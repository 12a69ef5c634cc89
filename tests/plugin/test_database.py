from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest
from doit.dependency import JSONCodec

from provisioning.plugin.database import Database

_TIMES = count(1)


@pytest.fixture
def name(tmp_path: Path) -> str:
    return str(tmp_path / "deep/doit.sqlite")


def _database(name: str) -> Database:
    return Database(name, JSONCodec())


def _finish(database: Database, task: str, value: str = "1") -> None:
    """What doit's Dependency.save_success does, at a time of its own, long ago.

    Two that come within a tick of the clock that stamps files would have one time.
    """
    database.set(task, "_values_:", {"x": value})
    database.set(task, "file", value)
    database.set(task, "deps:", ("file",))
    if os.stat(database.name).st_mtime > 1000:  # it has been written
        os.utime(database.name, (0, next(_TIMES)))


def test_a_finished_task_is_on_disk_before_doit_exits(name: str) -> None:
    _finish(_database(name), "a")
    assert _database(name).get("a", "_values_:") == {"x": "1"}


def test_an_unfinished_task_is_not(name: str) -> None:
    _database(name).set("a", "_values_:", {})
    assert not _database(name).in_("a")


def test_what_is_set_at_other_times_is_kept_at_the_end(name: str) -> None:
    database = _database(name)
    database.set("a", "ignore:", "1")
    database.dump()
    assert _database(name).get("a", "ignore:") == "1"


def test_tasks_are_forgotten_one_or_all(name: str) -> None:
    database = _database(name)
    for task in ("a", "b", "c"):
        _finish(database, task)
    database.remove("a")
    assert [_database(name).in_(task) for task in ("a", "b", "c")] == [False, True, True]
    database.remove_all()
    assert not database.in_("b")
    assert not _database(name).in_("c")


def test_looking_up_makes_no_file(name: str) -> None:
    database = _database(name)
    assert database.get("a", "file") is None
    database.dump()
    assert not Path(name).exists()


@pytest.mark.parametrize("record", ["", "[1]", "{", None])
def test_a_record_that_is_no_record_is_none(name: str, record: str | None) -> None:
    database = _database(name)
    _finish(database, "a")
    database._cache.put([("a", record)])
    assert not _database(name).in_("a")


def test_a_damaged_file_is_no_error(name: str) -> None:
    Path(name).parent.mkdir()
    Path(name).write_bytes(b"garbage" * 1000)
    database = _database(name)
    assert not database.in_("a")
    _finish(database, "a")
    assert _database(name).in_("a")


def test_what_another_process_has_written_meanwhile_is_seen(name: str) -> None:
    one, other = _database(name), _database(name)
    _finish(one, "a")
    assert one.in_("a")
    assert other.in_("a")
    _finish(other, "b")
    _finish(one, "c")
    assert one.in_("b")
    assert other.in_("c")


def test_an_equal_record_is_not_written_again_unless_the_file_is_another(name: str) -> None:
    _finish(_database(name), "a")
    database, before = _database(name), Path(name).stat().st_mtime_ns
    database.get("a", "file")
    _finish(database, "a")
    assert Path(name).stat().st_mtime_ns == before
    _finish(_database(name), "a", "2")
    _finish(database, "a")
    assert _database(name).get("a", "file") == "1"
