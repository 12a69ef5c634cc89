"""gzip, to its last byte."""

from __future__ import annotations

import gzip as python_gzip
import io
import time
import tracemalloc
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.codec import HEADER, GzipReader
from provisioning.artifact.digest import of_bytes
from provisioning.artifact.index import Chunk
from provisioning.errors import ArtifactError

from .making import gzip

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"".join(b"%d bottles of beer\n" % number for number in range(100))
PLENTY = 1 << 40


def unpack(data: bytes, limit: int = PLENTY) -> bytes:
    stream = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]
    return io.BufferedReader(GzipReader(stream, limit)).read()  # type: ignore[arg-type]


def fault(data: bytes, limit: int = PLENTY) -> str:
    with pytest.raises(ArtifactError) as caught:
        unpack(data, limit)
    return str(caught.value)


def test_many_members_are_one_stream() -> None:
    assert unpack(gzip(TEXT) + gzip(b"x") + gzip(TEXT)) == TEXT + b"x" + TEXT


def test_a_member_larger_than_every_buffer_is_read() -> None:
    data = TEXT * 1000
    assert unpack(gzip(data) + gzip(data)) == 2 * data


def test_each_chunk_is_told_when_it_ends() -> None:
    one, two, chunks = gzip(TEXT), gzip(b"x"), list[Chunk]()
    reader = GzipReader(io.BytesIO(one + two), PLENTY, chunks.append)  # type: ignore[arg-type]
    assert reader.readall() == TEXT + b"x"
    assert chunks == [
        Chunk(0, len(one), 0, len(TEXT), of_bytes(one), of_bytes(TEXT)),
        Chunk(len(one), len(two), len(TEXT), 1, of_bytes(two), of_bytes(b"x")),
    ]


def test_a_stream_cut_off_anywhere_but_between_members_is_refused() -> None:
    one, two = gzip(TEXT), gzip(b"x" * 1000)
    for length in range(len(one + two)):
        if length != len(one):
            start = 0 if length < len(one) else len(one)
            message = f"is damaged in the chunk at byte {start}: cut off"
            assert fault((one + two)[:length]) == message


def test_a_bit_flipped_anywhere_is_refused_or_changes_nothing() -> None:
    data = gzip(TEXT)
    harmless = 0
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with suppress(ArtifactError):
            assert unpack(bytes(flipped)) == TEXT
            harmless += 1
    # Deflate ends within a byte and nothing reads the rest of it; the index's digests do.
    assert harmless < 8


@pytest.mark.parametrize("rest", [b"\0", bytes(512), b"x", b"\x1f\x8b\x08", TEXT])
def test_nothing_follows_the_last_member(rest: bytes) -> None:
    assert f"is damaged in the chunk at byte {len(gzip(TEXT))}: " in fault(gzip(TEXT) + rest)


@pytest.mark.parametrize("data", [gzip(b""), gzip(TEXT) + gzip(b"") + gzip(TEXT)])
def test_a_member_of_nothing_is_refused(data: bytes) -> None:
    assert fault(data).endswith(": it holds nothing")


def test_a_header_with_a_time_or_a_name_is_refused() -> None:
    other = "is damaged in the chunk at byte 0: not the gzip header that this tool writes"
    assert fault(python_gzip.compress(TEXT, mtime=1)) == other
    assert fault(HEADER[:3] + b"\x08" + HEADER[4:] + b"name\0" + gzip(TEXT)[10:]) == other
    assert fault(zlib.compress(TEXT)) == other


def test_a_bomb_is_refused_early_and_in_little_memory() -> None:
    bomb = gzip(bytes(100_000_000))
    tracemalloc.start()
    start = time.perf_counter()
    assert fault(bomb, limit=1_000_000).endswith(
        "unpacks to more than the 1000000 bytes its manifest allows"
    )
    assert time.perf_counter() - start < 1
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


def test_thousands_of_tiny_members_are_read_in_good_time() -> None:
    start = time.perf_counter()
    assert unpack(gzip(b"x") * 20_000) == b"x" * 20_000
    assert time.perf_counter() - start < 2


def test_gzip_itself_reads_the_same(tmp_path: Path) -> None:
    assert python_gzip.decompress(gzip(TEXT) + gzip(b"x")) == TEXT + b"x"
