"""Chunks are found in an archive that no index tells of, or not at all: never the wrong ones."""

from __future__ import annotations

import os
import random
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.formats import reader
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.reader import TarReader, find_chunks
from provisioning.artifact.verification import verify
from provisioning.builder.archive.encoders import encoder
from tests.chunks import shrink

from .making import PACKAGE, chunks, file, index_in, manifest_of

if TYPE_CHECKING:
    from pathlib import Path

    from .making import Item

NAMES = {"gzip": "a-1-linux.tar.gz", "zstd": "a-1-linux.tar.zst", "xz": "a-1-linux.tar.xz"}
DRAW = random.Random(1)
MANY = [file(f"{number:03}", DRAW.randbytes(number * 50)) for number in range(100)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch, 64)


def made(items: list[Item], codec: str) -> bytes:
    """An archive as a build cuts it."""
    tar = b"".join(chunks(items))
    entries = [item.entry for item in items]
    lengths = archive.chunks(manifest_of(items), entries, PACKAGE.name, codec)
    press, stops = encoder(codec).compress, list(accumulate(lengths, initial=0))
    return b"".join(press(tar[start:stop]) for start, stop in pairwise(stops))


def found(path: Path, codec: str) -> list[tuple[int, ...]]:
    with path.open("rb", buffering=0) as stream:
        return [each[:4] for each in find_chunks(stream, TarReader(stream, codec))]


@pytest.mark.parametrize("codec", NAMES)
def test_each_chunk_is_found_where_an_index_would_have_it(tmp_path: Path, codec: str) -> None:
    path = tmp_path / NAMES[codec]
    items = [*MANY, file("z", os.urandom(200_000))]
    if codec != "xz":  # whose chunks tell their length too far from their end
        # Such an archive itself, which no codec makes smaller.
        items.insert(-1, file("within", made(MANY, codec)))
    path.write_bytes(made(items, codec))
    wanted = [each[:4] for each in index_in(path.read_bytes(), 1 << 22, codec).chunks]
    assert len(wanted) > {"gzip": 20, "zstd": 6, "xz": 3}[codec]
    assert found(path, codec) == wanted


@pytest.mark.parametrize("codec", NAMES)
def test_what_has_no_index_is_proved_all_the_same(tmp_path: Path, codec: str) -> None:
    path = tmp_path / NAMES[codec]
    path.write_bytes(made(MANY, codec))
    with path.open("rb", buffering=0) as stream:
        prove = reader(stream, path.name).prover(None)
        assert prove
        whole = prove(None)
    assert whole
    assert whole.indexed is None
    assert whole.manifest == manifest_of(MANY)


@pytest.mark.parametrize("codec", NAMES)
def test_what_is_cut_elsewhere_is_not_found_but_read_in_order(tmp_path: Path, codec: str) -> None:
    # As what was packed before a codec had chunks of its own size.
    path = tmp_path / NAMES[codec]
    path.write_bytes(b"".join(map(encoder(codec).compress, chunks(MANY, group=7))))
    with path.open("rb", buffering=0) as stream:
        prove = reader(stream, path.name).prover(None)
        assert prove is None or prove(None) is None
    assert verify(path).findings == ()


def test_a_chunk_that_only_seems_to_be_one_is_not_proved(tmp_path: Path) -> None:
    path = tmp_path / NAMES["gzip"]
    data = made(MANY, "gzip")
    places = index_in(data).chunks
    at = places[5].offset + 20
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with path.open("rb", buffering=0) as stream:
        prove = reader(stream, path.name).prover(None)
        assert prove
        assert prove(None) is None
    (finding,) = verify(path).findings
    assert f"at byte {places[5].offset}" in str(finding)
