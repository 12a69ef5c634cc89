"""What tells that a file may have changed."""

from __future__ import annotations

import os

import pytest

from provisioning.builder.collect.file_state import from_bytes, is_settled, signature
from provisioning.builder.collect.sources import Tree
from tests.builder.conftest import write

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("ctime", "age", "settled"),
    [
        (5 * SECOND + 1, SECOND // 100, False),
        (5 * SECOND + 1, SECOND // 10, True),
        (5 * SECOND, SECOND // 10, False),  # a file system that counts whole seconds
        (5 * SECOND, 3 * SECOND, True),
        (5 * SECOND + 1, -SECOND, False),  # a clock that was put back
    ],
)
def test_a_file_is_remembered_only_once_a_change_would_show(
    ctime: int, age: int, settled: bool
) -> None:
    assert is_settled(ctime, ctime + age) is settled


@pytest.mark.parametrize("year", [1950, 2400])
def test_a_file_of_a_strange_year_has_its_signature(year: int) -> None:
    write("t/a", "text")
    seconds = (year - 1970) * 31_556_952
    os.utime("t/a", (seconds, seconds))
    tree = Tree("t", "artifacts")
    assert from_bytes(tree.bytes_of("a")) == signature(os.lstat("t/a"))
