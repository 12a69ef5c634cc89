"""gzip, zstd and xz, to their last byte."""

from __future__ import annotations

import gzip as python_gzip
import io
import lzma
import random
import subprocess
import sys
import time
import tracemalloc
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import zstandard

from provisioning.artifact.codec import HEADER, GzipReader, XzReader, ZstdReader
from provisioning.artifact.filesystem import of_bytes
from provisioning.artifact.tar.chunking import Chunk
from provisioning.builder.archive.encoders import encoder
from provisioning.errors import ArtifactError
from tests.conftest import soon

from .making import gzip

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    assert fault(data).endswith(": it is empty")


def test_a_header_with_a_time_or_a_name_is_refused() -> None:
    other = "is damaged in the chunk at byte 0: not the gzip header that this tool writes"
    assert fault(python_gzip.compress(TEXT, mtime=1)) == other
    assert fault(HEADER[:3] + b"\x08" + HEADER[4:] + b"name\0" + gzip(TEXT)[10:]) == other
    assert fault(zlib.compress(TEXT)) == other


@contextmanager
def memory_below(size: int) -> Iterator[None]:
    """Demand that no more memory than so many bytes is taken."""
    tracemalloc.start()
    try:
        yield
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken < size


@soon()
def test_a_bomb_is_refused_early_and_in_little_memory() -> None:
    bomb = gzip(bytes(100_000_000))
    with memory_below(4_000_000):
        start = time.process_time()
        told = fault(bomb, limit=1_000_000)
        assert time.process_time() - start < 10  # far above a second: coverage, a busy machine
    assert told.endswith("unpacks to more than the 1000000 bytes its manifest allows")


def test_thousands_of_tiny_members_are_read_in_good_time() -> None:
    start = time.process_time()
    assert unpack(gzip(b"x") * 20_000) == b"x" * 20_000
    assert time.process_time() - start < 10  # far above a second: coverage, a busy machine


def test_gzip_itself_reads_the_same(tmp_path: Path) -> None:
    assert python_gzip.decompress(gzip(TEXT) + gzip(b"x")) == TEXT + b"x"


OTHERS = {"zstd": ZstdReader, "xz": XzReader}


def press(codec: str, data: bytes) -> bytes:
    return bytes(encoder(codec).compress(data))


def read(codec: str, data: bytes, limit: int = PLENTY) -> bytes:
    reader = OTHERS[codec](io.BytesIO(data), limit)  # type: ignore[arg-type]
    return io.BufferedReader(reader).read()


def refused(codec: str, data: bytes, limit: int = PLENTY) -> str:
    with pytest.raises(ArtifactError) as caught:
        read(codec, data, limit)
    return str(caught.value)


@pytest.mark.parametrize("codec", OTHERS)
def test_many_frames_and_streams_are_one(codec: str) -> None:
    parts = [TEXT, b"x", TEXT * 1000, bytes(5 << 20), random.Random(1).randbytes(300_000)]
    packed, chunks = [press(codec, part) for part in parts], list[Chunk]()
    stream = io.BytesIO(b"".join(packed))
    reader = OTHERS[codec](stream, PLENTY, chunks.append)  # type: ignore[arg-type]
    assert io.BufferedReader(reader).read() == b"".join(parts)
    assert [chunk.digest for chunk in chunks] == [of_bytes(part) for part in packed]
    assert [chunk.tar_digest for chunk in chunks] == [of_bytes(part) for part in parts]
    assert [chunk.length for chunk in chunks] == [len(part) for part in packed]


@pytest.mark.parametrize("codec", OTHERS)
@pytest.mark.parametrize("size", [1, 255, 256, 65_791, 65_792])
def test_every_length_has_its_one_header(codec: str, size: int) -> None:
    assert read(codec, press(codec, bytes(size))) == bytes(size)


@pytest.mark.parametrize("codec", OTHERS)
def test_a_frame_or_stream_cut_off_anywhere_is_refused(codec: str) -> None:
    one, two = press(codec, TEXT), press(codec, b"x" * 1000)
    for length in range(len(one + two)):
        if length != len(one):
            refused(codec, (one + two)[:length])


@pytest.mark.parametrize("codec", OTHERS)
def test_a_bit_flipped_anywhere_in_a_frame_or_stream_is_refused(codec: str) -> None:
    data, harmless = press(codec, TEXT), 0
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with suppress(ArtifactError):
            assert read(codec, bytes(flipped)) == TEXT
            harmless += 1
    # Streams of bits end within a byte, and nothing reads the rest of it; the index's digests do.
    assert harmless < 8 * len(data) // 100


@pytest.mark.parametrize("codec", OTHERS)
@pytest.mark.parametrize("rest", [b"\0", bytes(512), b"x", TEXT, b"\x50\x2a\x4d\x18\1\0\0\0x"])
def test_nothing_follows_the_last_frame_or_stream(codec: str, rest: bytes) -> None:
    one = press(codec, TEXT)
    assert f"in the chunk at byte {len(one)}: " in refused(codec, one + rest)


@pytest.mark.parametrize("codec", OTHERS)
@soon()
def test_a_bomb_of_another_codec_is_refused_early_and_in_little_memory(codec: str) -> None:
    bomb = press(codec, bytes(60_000_000))
    with memory_below(40_000_000):
        told = refused(codec, bomb, 1_000_000)
    assert told.endswith("unpacks to more than the 1000000 bytes its manifest allows")


def test_frames_of_other_makers_are_refused() -> None:
    """Without a checksum or a size, with a window, with a dictionary: none is ever written here."""
    header = "not the zstd header that this tool writes"
    for changes in ({"write_checksum": False}, {"write_content_size": False}):
        other = zstandard.ZstdCompressor(level=3, **changes).compress(TEXT)  # type: ignore[arg-type]
        assert refused("zstd", other).endswith(header)
    words = zstandard.ZstdCompressionDict(TEXT * 10, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    refused("zstd", zstandard.ZstdCompressor(dict_data=words).compress(TEXT))
    assert refused("xz", lzma.compress(TEXT, check=lzma.CHECK_CRC32)).endswith(
        "not the xz header that this tool writes"
    )


def test_without_zstd_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression", None)
    assert "python3-zstandard" in refused("zstd", press_before)


press_before = press("zstd", TEXT)
JUDGES = {"zstd": ["zstd", "-t"], "xz": ["xz", "-t"]}


@pytest.mark.parametrize("codec", OTHERS)
def test_its_own_tool_reads_the_same(codec: str, tmp_path: Path) -> None:
    path = tmp_path / f"text.{'zst' if codec == 'zstd' else codec}"
    path.write_bytes(press(codec, TEXT) + press(codec, bytes(100_000)))
    subprocess.run([*JUDGES[codec], path], check=True, capture_output=True)
    unpacked = subprocess.run([codec, "-dc", path], check=True, capture_output=True).stdout
    assert unpacked == TEXT + bytes(100_000)
