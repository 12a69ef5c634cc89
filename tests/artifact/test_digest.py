"""SHA-256."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from provisioning.artifact.filesystem import MIB, HashedReader, of_bytes, of_file

if TYPE_CHECKING:
    from pathlib import Path

FOO = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"


def test_bytes_have_a_digest() -> None:
    assert of_bytes(b"foo") == FOO


def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * (3 * MIB // 256) + b"x"
    (tmp_path / "x").write_bytes(data)
    assert of_file(tmp_path / "x") == of_bytes(data)


def test_what_is_read_is_digested_and_counted(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"foo")
    with io.FileIO(tmp_path / "x") as file:
        reader = HashedReader(file)
        assert io.BufferedReader(reader).read() == b"foo"
    assert (reader.size, reader.hexdigest()) == (3, FOO)
