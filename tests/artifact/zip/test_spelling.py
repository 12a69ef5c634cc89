"""The headers of a zip, as they are spelt and as they are read."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.artifact.model.entry import path_fault
from provisioning.artifact.tar.archive import EPOCH, Member
from provisioning.artifact.zip.records import (
    CENTRAL,
    LOCAL,
    Compressed,
    ZipStream,
    central,
    clock,
    end,
    is_possible,
    is_strange,
    local,
    parse_central,
    parse_end,
    read_central,
    read_content,
    read_local,
)
from provisioning.errors import ArtifactError

from .making import Part, deflate, part
from .making import central as central_by_hand
from .making import end as end_by_hand
from .making import local as local_by_hand

ONE = Member("demo/größe", "file", 0o640, "root", "root", 3)
TIME = clock(EPOCH)
PACKED = Compressed(8, 0x12345678, 2)
GIB = 1 << 30

names = st.text(min_size=1, max_size=300).filter(lambda name: not path_fault(name))
sizes = st.integers(0, 1 << 50)
owners = st.sampled_from(["root", "0", "1000", "2097151"])


def source(data: bytes) -> ZipStream:
    return ZipStream(io.BytesIO(data))


def by_hand(one: Member, packed: Compressed) -> Part:
    fields = {"method": packed.method, "crc": packed.crc, "kept": packed.size, "size": one.size}
    return part(one.name, b"", 0o100000 | one.mode, **fields)


def test_both_headers_are_spelt_as_the_standard_says() -> None:
    hand = by_hand(ONE, PACKED)
    assert local(ONE, TIME, PACKED) == local_by_hand(hand)
    assert central(ONE, TIME, PACKED, 77) == central_by_hand(hand, 77)
    assert end(3, 4, 5) == end_by_hand(3, 4, 5)


def test_a_directory_and_a_link_have_their_types() -> None:
    folder = Member("demo/d/", "dir", 0o755, "root", "root")
    link = Member("demo/l", "link", 0o777, "root", "root", 0, "größe")
    assert parse_central(central(folder, TIME, Compressed(0, 0, 0), 0)).mode == 0o040755
    assert parse_central(central(link, TIME, Compressed(0, 9, 7), 0)).mode == 0o120777
    (size,) = struct.unpack_from("<L", local(link, TIME, Compressed(0, 9, 7)), 22)
    assert size == len("größe".encode())


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(EPOCH, (2000, 1, 1, 0, 0, 0)), (EPOCH + 86399, (2000, 1, 1, 23, 59, 58))],
)
def test_a_time_is_utc_in_steps_of_two_seconds(
    seconds: int, expected: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    info = read_by_python(central(ONE, clock(seconds), PACKED, 0))
    assert info.date_time == expected


def read_by_python(directory: bytes, offset: int = 0, count: int = 1) -> zipfile.ZipInfo:
    with zipfile.ZipFile(io.BytesIO(directory + end(count, len(directory), offset))) as archive:
        (info,) = archive.infolist()
    return info


@given(names, sizes, sizes, owners, st.integers(0, 0o7777))
def test_what_is_spelt_is_read(name: str, size: int, kept: int, owner: str, mode: int) -> None:
    kept = min(kept, size + 100)
    one, packed = Member(name, "file", mode, owner, owner, size), Compressed(8, 5, kept)
    spelling = local(one, TIME, packed)
    found = read_local(source(spelling[len(LOCAL) :]))
    assert found == (name, TIME, packed, size, spelling)
    assert not is_strange(found, TIME, owner, owner)


@given(names, sizes, sizes, owners, st.integers(0, 1 << 45))
def test_what_the_directory_says_is_read(
    name: str, size: int, kept: int, owner: str, offset: int
) -> None:
    kept = min(kept, size + 100)
    one, packed = Member(name, "file", 0o644, owner, owner, size), Compressed(8, 5, kept)
    spelling = central(one, TIME, packed, offset)
    assert parse_central(spelling) == (name, 0o100644, packed, offset, len(spelling))
    assert read_central(source(spelling[len(CENTRAL) :])) == spelling
    info = read_by_python(spelling)
    assert (info.filename, info.file_size, info.compress_size) == (name, size, kept)


@pytest.mark.parametrize("offset", [5, 4 * GIB - 1, 4 * GIB, 9 * GIB])
@pytest.mark.parametrize("count", [1, 65_534, 65_535, 300_000])
def test_the_end_tells_counts_and_offsets_of_any_size(offset: int, count: int) -> None:
    spelling = end(count, 7, offset)
    assert parse_end(b"before" + spelling) == (7, offset)
    needs_more = offset >= 4 * GIB - 1 or count >= 65_535
    assert len(spelling) == 22 + needs_more * (56 + 20)


def test_zip64_begins_where_deflate_might_need_it() -> None:
    for size, needed in ((4 * GIB - (1 << 20) - 1, False), (4 * GIB - (1 << 20), True)):
        one = ONE._replace(size=size)
        assert len(local(one, TIME, PACKED)) == len(local(ONE, TIME, PACKED)) + 20 * needed


def test_owners_that_are_numbers_are_in_both_headers() -> None:
    spelt = struct.pack("<2H2BLBL", 0x7875, 11, 1, 4, 1000, 4, 20)
    one = ONE._replace(owner="1000", group="20")
    assert local(one, TIME, PACKED).endswith(spelt)
    assert central(one, TIME, PACKED, 0).endswith(spelt)
    assert not local(one._replace(owner="pi"), TIME, PACKED).endswith(spelt[-5:])


@pytest.mark.parametrize(
    ("kind", "size", "packed", "possible"),
    [
        ("file", 0, Compressed(0, 0, 0), True),
        ("file", 0, Compressed(8, 0, 2), False),
        ("file", 5, Compressed(0, 1, 5), True),
        ("file", 5, Compressed(0, 1, 6), False),
        ("file", 5, Compressed(8, 1, 9), True),
        ("file", 5, Compressed(9, 1, 4), False),
        ("link", 5, Compressed(0, 1, 5), True),
        ("link", 5, Compressed(8, 1, 4), False),
        ("dir", 0, Compressed(0, 0, 0), True),
        ("dir", 5, Compressed(0, 1, 5), False),
        ("dir", 0, Compressed(0, 1, 0), False),
    ],
)
def test_what_can_become_of_a_content(
    kind: str, size: int, packed: Compressed, possible: bool
) -> None:
    assert is_possible(kind, size, packed) == possible


def fault(data: bytes, packed: Compressed, size: int) -> str:
    with pytest.raises(ArtifactError) as caught:
        list(read_content(source(data), "demo/a", packed, size))
    return str(caught.value)


TEXT = b"text " * 1000
BLOCK = b"x" * (65_536 - 5)
FULL = struct.pack("<BHH", 1, len(BLOCK), len(BLOCK) ^ 0xFFFF) + BLOCK  # as much as is read at once
CRC = part("a", TEXT).fields["crc"]


def test_a_content_is_read_in_blocks_of_at_most_a_mib() -> None:
    data = bytes(5 << 20)
    for stream, method in ((deflate(data), 8), (data, 0)):
        packed = Compressed(method, part("a", data).fields["crc"], len(stream))
        blocks = list(read_content(source(stream), "a", packed, len(data)))
        assert b"".join(blocks) == data
        assert max(map(len, blocks)) == 1 << 20


@pytest.mark.parametrize(
    ("data", "size", "reason"),
    [
        (deflate(TEXT)[:-1], 5000, "is damaged: cut off"),
        (deflate(TEXT) + b"x", 5000, "is damaged: goes on after its end"),
        (FULL + b"x", len(BLOCK), "is damaged: goes on after its end"),
        (deflate(TEXT), 4999, "is damaged: unpacks to more than 4999 bytes"),
        (deflate(TEXT), 5001, "is damaged: wrong size or CRC"),
        (b"\7" + deflate(TEXT), 5000, "is damaged: invalid block type"),
        (deflate(b"T" + TEXT[1:]), 5000, "is damaged: wrong size or CRC"),
    ],
)
def test_a_content_that_is_damaged_is_refused(data: bytes, size: int, reason: str) -> None:
    assert fault(data, Compressed(8, CRC, len(data)), size) == f"demo/a: {reason}"


def test_a_stored_content_that_is_damaged_is_refused() -> None:
    assert fault(TEXT[:-1], Compressed(0, CRC, 5000), 5000) == "demo/a: is cut off"
    message = "demo/a: is damaged: wrong size or CRC"
    assert fault(TEXT[:-1] + b"x", Compressed(0, CRC, 5000), 5000) == message


def test_a_size_that_no_header_can_tell_is_refused() -> None:
    zip64 = struct.pack("<2H2Q", 1, 16, 3, 1 << 40)
    most = (1 << 32) - 1
    one = by_hand(ONE, PACKED)._replace(extra=zip64, local={"size": most, "kept": most})
    with pytest.raises(ArtifactError) as caught:
        read_local(source(local_by_hand(one)[len(LOCAL) :]))
    assert str(caught.value).startswith("demo/größe: its header is damaged")


@pytest.mark.parametrize("extra", [b"", b"\1", b"\1\0\x10\0" + bytes(8), b"\2\0\x10\0" + bytes(16)])
def test_a_size_that_zip64_does_not_tell_is_strange(extra: bytes) -> None:
    most = (1 << 32) - 1
    one = by_hand(ONE, PACKED)._replace(extra=extra, local={"size": most, "kept": most})
    found = read_local(source(local_by_hand(one)[len(LOCAL) :]))
    assert is_strange(found, TIME, "root", "root")
