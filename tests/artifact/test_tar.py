"""Members of an archive, as every tar reads them and as none but one spelling is accepted."""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.artifact.model.entry import path_fault
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.archive import BLOCK, END, Member, header, padding, read_members
from provisioning.errors import ArtifactError
from tests.conftest import soon

if TYPE_CHECKING:
    from pathlib import Path

LONG = "demo/" + "/".join(["directory"] * 12) + "/file"  # fits a ustar prefix
VERY_LONG = "demo/" + "x" * 200
MEMBERS = (
    Member("demo/", "dir", 0o755, "root", "root"),
    Member("demo/empty", "file", 0o600, "pi", "users"),
    Member("demo/größe", "file", 0o4755, "1000", "20", 5),
    Member("demo/link", "link", 0o777, "0", "0", 0, "y" * 150),
    Member("demo/liñk", "link", 0o777, "root", "wheel", 0, "größe"),
    Member(LONG, "file", 0o644, "root", "root", 512),
    Member(VERY_LONG, "file", 0o644, "root", "root", 513),
    Member(f"{VERY_LONG}d/", "dir", 0o750, "root", "root"),
)
FILE = Member("demo/a", "file", 0o644, "root", "root", 3)


def spelt(*members: Member) -> bytes:
    contents = (b"c" * one.size + bytes(padding(one.size)) for one in members)
    return b"".join(map(bytes.__add__, map(header, members), contents))


def read(data: bytes) -> list[tuple[Member, bytes]]:
    return [(member, b"".join(blocks)) for member, blocks in read_members(io.BytesIO(data))]


def fault(data: bytes) -> str:
    with pytest.raises(ArtifactError) as caught:
        read(data)
    return str(caught.value)


def changed(field: slice, value: bytes, of: bytes = b"") -> bytes:
    """A tar of one member whose header's field is another, with the right checksum."""
    block = bytearray(of or header(FILE))
    block[field] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + b"ccc" + bytes(509) + END


def with_pax(records: bytes, size: int | None = None) -> bytes:
    pax = archive._pax(records)
    if size is not None:
        pax = changed(slice(124, 136), b"%011o\0" % size, of=pax[:BLOCK])[:BLOCK] + pax[BLOCK:]
    return pax + spelt(FILE) + END


def test_what_is_written_is_read() -> None:
    data = spelt(*MEMBERS) + END
    assert read(data) == [(member, b"c" * member.size) for member in MEMBERS]


def test_python_reads_what_is_written() -> None:
    with tarfile.open(fileobj=io.BytesIO(spelt(*MEMBERS) + END)) as archive:
        found = archive.getmembers()
    assert [one.name for one in found] == [member.name.rstrip("/") for member in MEMBERS]
    assert [one.size for one in found] == [member.size for member in MEMBERS]
    assert [one.linkname for one in found] == [member.link for member in MEMBERS]
    assert [one.mode for one in found] == [member.mode for member in MEMBERS]
    assert {one.mtime for one in found} == {946684800}
    assert [(one.uid, one.uname, one.gid, one.gname) for one in found[1:4]] == [
        (0, "pi", 0, "users"),
        (1000, "", 20, ""),
        (0, "", 0, ""),
    ]


@pytest.mark.parametrize("tool", ["tar", "bsdtar"])
def test_real_tars_list_and_extract_what_is_written(tool: str, tmp_path: Path) -> None:
    archive, into = tmp_path / "a.tar", tmp_path / "into"
    archive.write_bytes(spelt(*MEMBERS) + END)
    into.mkdir()
    locale = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    quiet = ["--quoting-style=literal"] if tool == "tar" else []
    command = [tool, *quiet, "-tf", archive]
    listed = subprocess.run(command, env=locale, check=True, capture_output=True, text=True)
    assert listed.stdout.splitlines() == [member.name for member in MEMBERS]
    assert listed.stderr == ""
    command = [tool, "-xf", archive, "-C", into]
    subprocess.run(command, env=locale, check=True)
    assert (into / "demo/größe").read_bytes() == b"ccccc"
    assert (into / VERY_LONG).read_bytes() == b"c" * 513
    assert (into / LONG).stat().st_mtime == 946684800
    assert (into / "demo/link").readlink().name == "y" * 150
    assert (into / f"{VERY_LONG}d").is_dir()


def test_a_path_that_fits_a_ustar_prefix_needs_no_pax() -> None:
    assert len(header(FILE._replace(name=LONG))) == BLOCK


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("f" * 100, 1),
        ("d/" + "f" * 99, 1),
        ("d" * 155 + "/" + "f" * 100, 1),
        ("f" * 101, 3),
        ("d" * 156 + "/" + "f" * 100, 3),
        ("d" * 150 + "/" + "f" * 101, 3),
        ("/".join(["d" * 200] * 3), 4),
    ],
)
def test_a_name_takes_the_room_that_it_needs(name: str, blocks: int) -> None:
    member = Member(name, "file", 0o644, "root", "root")
    assert len(header(member)) == blocks * BLOCK
    assert read(header(member) + END) == [(member, b"")]


@pytest.mark.parametrize("size", [8 * 2**30 - 1, 8 * 2**30, 2**53])
def test_a_size_beyond_eight_gib_goes_round(size: int) -> None:
    spelling = header(FILE._replace(size=size))
    assert tarfile.TarInfo.frombuf(spelling[-BLOCK:], "utf-8", "strict").type == b"0"
    member, _ = next(read_members(io.BytesIO(spelling)))
    assert member.size == size


def test_a_size_that_an_older_version_told_in_its_record_alone_is_read() -> None:
    size = 8 * 2**30
    spelling = header(FILE._replace(size=size), octal=True)
    assert int(spelling[-BLOCK:][124:135], 8) == 0
    member, _ = next(read_members(io.BytesIO(spelling)))
    assert member.size == size
    in_neither_way = changed(slice(124, 135), b"%011o" % 1, of=spelling[-BLOCK:])[:BLOCK]
    assert "damaged" in fault(spelling[:-BLOCK] + in_neither_way)


@pytest.mark.parametrize("reader", ["tar", "bsdtar", "busybox tar"])
def test_every_tar_goes_on_behind_a_file_of_eight_gib(tmp_path: Path, reader: str) -> None:
    size, archive = (8 << 30) + 5, tmp_path / "demo.tar"
    with open(archive, "wb") as file:
        file.write(header(FILE._replace(size=size)))
        file.truncate(file.tell() + size + padding(size))  # which takes no room
        file.seek(0, io.SEEK_END)
        file.write(spelt(FILE._replace(name="demo/b")) + END)
    told = subprocess.check_output([*reader.split(), "-tvf", archive], text=True).splitlines()
    assert [line.split()[-1] for line in told] == ["demo/a", "demo/b"]
    assert f" {size} " in told[0]


names = st.text(min_size=1, max_size=300).filter(lambda name: not path_fault(name))


@given(names, st.integers(0, 0o7777), st.sampled_from(["root", "0", "2097151"]))
def test_every_name_mode_and_owner_goes_round(name: str, mode: int, owner: str) -> None:
    member = Member(name, "file", mode, owner, owner)
    assert read(header(member) + END) == [(member, b"")]
    with tarfile.open(fileobj=io.BytesIO(header(member) + END)) as archive:
        (found,) = archive.getmembers()
    assert (found.name, found.mode) == (name, mode)


def test_what_a_caller_leaves_of_a_content_is_passed_over() -> None:
    stream = io.BytesIO(spelt(FILE, FILE._replace(name="demo/b")) + END)
    assert [member.name for member, _ in read_members(stream)] == ["demo/a", "demo/b"]


def test_a_content_comes_in_blocks_of_at_most_a_mib() -> None:
    stream = io.BytesIO(spelt(FILE._replace(size=2**20 * 2 + 1)) + END)
    assert [[len(block) for block in blocks] for _, blocks in read_members(stream)] == [
        [2**20, 2**20, 1]
    ]


@pytest.mark.parametrize(
    ("flag", "what"),
    [
        (b"1", "a hard link"),
        (b"3", "a character device"),
        (b"4", "a block device"),
        (b"6", "a FIFO"),
        (b"g", "a global PAX header"),
        (b"K", "a GNU long link"),
        (b"L", "a GNU long name"),
        (b"S", "a GNU sparse file"),
        (b"7", "of an unknown type"),
        (b"\0", "of an unknown type"),
    ],
)
def test_a_member_of_another_type_is_refused(flag: bytes, what: str) -> None:
    assert fault(changed(slice(156, 157), flag)) == f"demo/a: is {what}, which no package contains"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (b"../a", "../a: leaves the package (..)"),
        (b"/a", "/a: is absolute"),
        (b"", ": is empty"),
        (b"./a", './a: contains a "." component'),
        (b"a\0b", r"'a\x00b': contains a control character"),
        (b"a\\b", "a\\b: contains a backslash"),
        (b"a//b", "a//b: contains an empty component"),
        (b"demo/a/", "demo/a/: ends in a slash"),
    ],
)
def test_an_unsafe_name_is_refused(name: bytes, message: str) -> None:
    assert fault(changed(slice(0, 100), name.ljust(100, b"\0"))).startswith(message)


STRANGE = "demo/a: its header is damaged, or written by another tool"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (slice(257, 265), b"ustar  \0"),  # GNU's magic
        (slice(257, 265), bytes(8)),  # before ustar
        (slice(100, 108), b"0000644 "),  # another spelling of a number
        (slice(108, 116), b"0001750\0"),  # a number beside a name
        (slice(329, 337), b"0000001\0"),  # a device's number
        (slice(500, 512), b"x" * 12),  # something in the rest
    ],
)
def test_a_header_that_is_spelt_otherwise_is_refused(field: slice, value: bytes) -> None:
    assert fault(changed(field, value)) == STRANGE


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (slice(124, 136), b"-0000000003\0", "contains an invalid number"),
        (slice(136, 148), b"-0000000001\0", "contains an invalid number"),
        (slice(136, 148), b"07033241600 ", "contains an invalid number"),
        (slice(100, 108), b"-000644\0", "contains an invalid number"),
        (slice(100, 108), b"+000644\0", "contains an invalid number"),
        (slice(100, 108), b"00_0644\0", "contains an invalid number"),
        (slice(124, 136), b"\x80" + bytes(10) + b"\x03", "contains an invalid number"),
        (slice(265, 270), b"gr\xc3\xb6\xc3", "its header is damaged, or written by another tool"),
        (slice(157, 158), b"x", "has a size or a link that its type cannot have"),
        (slice(156, 157), b"5", "is a directory without a slash"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused(field: slice, value: bytes, message: str) -> None:
    assert fault(changed(field, value)) == f"demo/a: {message}"


def test_a_directory_has_no_content() -> None:
    spelling = header(Member("demo/d/", "dir", 0o755, "root", "root"))
    assert fault(changed(slice(124, 136), b"00000000003\0", of=spelling)) == (
        "demo/d/: has a size or a link that its type cannot have"
    )


@pytest.mark.parametrize(
    "records",
    [
        b"15 path=demo/a\n",  # not needed
        b"19 path=demo/other\n",  # another name than the header's
        archive._record(b"path", VERY_LONG.encode()) * 2,
        archive._record(b"size", b"3"),
        archive._record(b"mtime", b"1"),
        archive._record(b"GNU.sparse.size", b"99"),
    ],
)
def test_pax_records_that_header_would_not_write_are_refused(records: bytes) -> None:
    assert fault(with_pax(records)).startswith("demo/")


@pytest.mark.parametrize("records", [b"0 path=x\n", b"-9 path=x\n", b"1 a=b\n", b"\n", b"9" * 5000])
@soon()
def test_pax_records_that_would_never_end_are_refused_at_once(records: bytes) -> None:
    start = time.process_time()
    assert fault(with_pax(records)).startswith("demo/a: ")
    assert time.process_time() - start < 10  # far above a second: coverage, a busy machine


def test_a_pax_header_has_bounds() -> None:
    for size in (0, 65 * 1024, 8**11 - 1):
        assert fault(with_pax(b"x", size)) == ("././@PaxHeader: does not have 1 to 65536 bytes")


def test_a_pax_header_after_a_pax_header_is_refused() -> None:
    assert fault(archive._pax(archive._record(b"path", b"x")) * 3).startswith("././@PaxHeader: ")


def test_nothing_hides_in_the_padding() -> None:
    assert fault(header(FILE) + b"ccc" + b"x" * 509 + END) == "demo/a: is not followed by zeros"
    pax = bytearray(header(FILE._replace(name=VERY_LONG)))
    pax[2 * BLOCK - 1] = 1
    assert fault(bytes(pax)) == ("././@PaxHeader: is not followed by zeros")


@pytest.mark.parametrize("rest", [b"\0", bytes(BLOCK), b"x", spelt(FILE)])
def test_nothing_follows_the_end(rest: bytes) -> None:
    assert fault(spelt(FILE) + END + rest) == "the tar inside goes on after its end"


def test_one_block_of_zeros_is_no_end() -> None:
    assert fault(spelt(FILE) + bytes(BLOCK) + spelt(FILE)) == "the tar inside goes on after its end"


def test_a_tar_cut_off_anywhere_is_refused() -> None:
    data = spelt(*MEMBERS) + END
    for length in range(0, len(data), 64):
        assert fault(data[:length]) == "the tar inside is cut off"


def test_a_bit_flipped_in_any_header_is_refused_or_is_another_member() -> None:
    member = FILE._replace(name=VERY_LONG)
    data = spelt(member) + END
    for bit in range(8 * 3 * BLOCK):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert refused_or(bytes(flipped)) != [(member, b"c" * 3)]


def refused_or(data: bytes) -> list[tuple[Member, bytes]]:
    try:
        return read(data)
    except ArtifactError:
        return []


@pytest.mark.parametrize("member", [*MEMBERS, FILE._replace(size=8 * 1024**3)])
def test_the_length_of_a_member_is_known_before_it_is_spelt(member: Member) -> None:
    spelling = len(header(member))
    assert archive.length(member) == spelling + member.size + padding(member.size)
