from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from provisioning.builder.workspace.caches import Cache


@pytest.fixture
def cache() -> Cache:
    return Cache(Path("work/cache.sqlite"), ("key", "value"))


def test_rows_are_kept_replaced_and_removed(cache: Cache) -> None:
    cache.put([("a", 1), ("b", 2)])
    cache.put([("a", 3)])
    assert sorted(cache.rows()) == [("a", 3), ("b", 2)]
    cache.remove(["a"])
    assert cache.row("a") is None
    assert cache.row("b") == ("b", 2)


def test_looking_makes_no_file(cache: Cache) -> None:
    assert (cache.rows(), cache.row("a"), cache.state()) == ([], None, None)
    cache.remove(["a"])
    assert not cache.path.exists()


def test_the_state_tells_of_writing(cache: Cache) -> None:
    cache.put([("a", 1)])
    before = cache.state()
    cache.put([(str(number), number) for number in range(1000)])
    assert cache.state() != before


@pytest.mark.parametrize("damage", [b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_damaged_file_is_begun_afresh(cache: Cache, damage: bytes) -> None:
    cache.path.parent.mkdir()
    cache.path.write_bytes(damage)
    assert cache.rows() == []
    cache.path.write_bytes(damage)
    assert cache.row("a") is None
    cache.path.write_bytes(damage)
    cache.put([("a", 1)])
    assert cache.rows() == [("a", 1)]


def test_a_file_of_another_version_is_begun_afresh(cache: Cache) -> None:
    cache.path.parent.mkdir()
    with sqlite3.connect(cache.path) as other:
        other.execute("create table cache (something, quite, different)")
    other.close()
    assert cache.rows() == []
    cache.put([("a", 1)])
    assert cache.rows() == [("a", 1)]


def test_a_truncated_file_is_begun_afresh(cache: Cache) -> None:
    cache.put([(str(number), "x" * 100) for number in range(1000)])
    cache.path.write_bytes(cache.path.read_bytes()[:-20000])
    assert cache.rows() == []
    cache.put([("a", 1)])
    assert cache.rows() == [("a", 1)]


def test_a_place_that_cannot_be_written_costs_a_line_and_no_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("work").write_text("a file where the directory should be")
    Cache(Path("work/cache.sqlite"), ("key", "value")).put([("a", 1)])
    assert (
        "work/cache.sqlite: cannot be written, so the next run is slower: "
        in capsys.readouterr().err
    )


def test_a_row_that_another_process_is_writing_is_not_lost(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("provisioning.builder.workspace.caches._WAIT_SECONDS", 0)
    cache.put([("a", 1)])
    other = sqlite3.connect(cache.path, isolation_level=None)
    other.execute("begin exclusive")
    cache.put([("b", 2)])
    assert cache.rows() == []
    other.execute("commit")
    other.close()
    assert cache.rows() == [("a", 1)]
    assert "database is locked" in capsys.readouterr().err
