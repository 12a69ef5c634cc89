"""Sizes and numbers that would never end, fill a memory or a disk: bounded by the manifest."""

from __future__ import annotations

import struct
import time
import zlib
from functools import cache
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model import canonical
from provisioning.artifact.verification import verify
from tests.artifact.making import file, manifest_of
from tests.artifact.zip import making as zip_making

from . import forms, raw_tar
from .conftest import SECONDS
from .forms import CODECS, MAKERS, TOP, Thing, preamble, pressed, tar_member

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Refuse

EVIL = f"{TOP}evil".encode()
SMALL = manifest_of([file("evil", b"x" * 10)])
MUCH = 50_000_000  # bytes of zeros: more than may be held


@cache
def zeros(format: str) -> bytes:
    """A chunk of MUCH."""
    return pressed(format, bytes(MUCH))


def tar_of(format: str, *parts: bytes, data: bytes = SMALL) -> bytes:
    """A tar of chunks that follow the manifest, pressed already or not."""
    first = b"".join(map(tar_member, preamble(data)))
    return b"".join((pressed(format, first), *parts))


NUMBERS = {
    "negative, octal": raw_tar.header(EVIL, size=b"-0000000001\0"),
    "negative, base 256": raw_tar.header(EVIL, size=raw_tar.base256(-1)),
    "a header back": raw_tar.header(EVIL, size=raw_tar.base256(-512)),
    "negative, PAX": raw_tar.pax(raw_tar.record(b"size", b"-512")) + raw_tar.header(EVIL),
    "huge, base 256": raw_tar.header(EVIL, size=raw_tar.base256(1 << 62)),
    "huge, PAX": raw_tar.pax(raw_tar.record(b"size", b"9" * 30)) + raw_tar.header(EVIL),
    "no number": raw_tar.header(EVIL, size=b"evil\0"),
    "a negative mode": raw_tar.header(EVIL, mode=b"-000644\0"),
    "a record of no length": raw_tar.pax(b"0 path=evil\n") + raw_tar.header(EVIL),
    "a record of a negative length": raw_tar.pax(b"-9 path=evil\n") + raw_tar.header(EVIL),
    "a record longer than all": raw_tar.pax(b"99999 path=evil\n") + raw_tar.header(EVIL),
    "a record of many digits": raw_tar.pax(b"9" * 60_000) + raw_tar.header(EVIL),
    "records of no bytes": raw_tar.pax(b"") + raw_tar.header(EVIL),
    "records of a GiB": raw_tar.pax(b"", size=raw_tar.octal(1 << 30)) + raw_tar.header(EVIL),
    "records for records": raw_tar.pax(raw_tar.record(b"path", EVIL)) * 1000,
    "long names for long names": raw_tar.long_name(EVIL) * 1000,
    "a long name of a TiB": raw_tar.header(
        b"././@LongLink", kind=b"L", size=raw_tar.base256(1 << 40)
    ),
    "sparse, GNU": raw_tar.header(EVIL, kind=b"S", size=raw_tar.octal(512)) + bytes(512),
    "sparse, PAX": raw_tar.pax(
        raw_tar.record(b"GNU.sparse.major", b"1")
        + raw_tar.record(b"GNU.sparse.minor", b"0")
        + raw_tar.record(b"GNU.sparse.realsize", b"%d" % (1 << 40))
    )
    + raw_tar.header(EVIL),
}


@pytest.mark.parametrize("format", CODECS)
@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_that_make_no_sense_are_refused(refuse: Refuse, format: str, case: str) -> None:
    data = tar_of(format, pressed(format, NUMBERS[case] + bytes(1024)))
    found = refuse(format, data, ": ")
    assert any(name in found[0] for name in ("evil", "PaxHeader", "LongLink"))


@pytest.mark.parametrize("format", CODECS)
def test_a_million_empty_members_are_refused(refuse: Refuse, format: str) -> None:
    members = pressed(format, raw_tar.header(f"{TOP}x".encode()) * 1000) * 1000
    found = refuse(format, tar_of(format, members, pressed(format, raw_tar.END)), "x: is not in")
    assert found[-1].endswith(": has 1000 differences; the rest was not read")


def test_many_empty_members_of_a_zip_are_refused(refuse: Refuse) -> None:
    head = b"".join(
        zip_making.local(one) + one.data for one in map(forms.zip_part, preamble(SMALL))
    )
    one = zip_making.part(f"{TOP}x")
    found = refuse("zip", head + zip_making.local(one) * 200_000, "x: is not in the manifest")
    assert found[-1].endswith(": has 1000 differences; the rest was not read")


@pytest.mark.parametrize("format", MAKERS)
def test_a_bomb_that_nobody_listed_is_refused(refuse: Refuse, format: str) -> None:
    if format in CODECS:
        header = raw_tar.header(f"{TOP}bomb".encode(), size=raw_tar.octal(7 << 30))
        data = tar_of(format, pressed(format, header), zeros(format))
    else:
        data = MAKERS[format](SMALL, [Thing(f"{TOP}bomb", content=bytes(MUCH))])
    refuse(format, data, "bomb: is not in the manifest")


@pytest.mark.parametrize("format", MAKERS)
def test_a_file_that_is_larger_than_listed_is_refused(refuse: Refuse, format: str) -> None:
    data = MAKERS[format](SMALL, [Thing(f"{TOP}evil", content=bytes(MUCH))])
    refuse(format, data, f"evil: size {MUCH}, the manifest says 10")


@pytest.mark.parametrize("claimed", [1 << 44, 1 << 50])
@pytest.mark.parametrize("format", MAKERS)
def test_a_file_that_is_smaller_than_listed_is_refused(
    refuse: Refuse, format: str, claimed: int
) -> None:
    entry, content = file("evil", b"")
    data = manifest_of([type(file("evil", b""))(entry._replace(size=claimed), content)])
    refuse(format, MAKERS[format](data, []), "evil: is missing from the archive")
    few = MAKERS[format](data, [Thing(f"{TOP}evil", content=b"x" * 10)])
    refuse(format, few, f"evil: size 10, the manifest says {claimed}")


@pytest.mark.parametrize("format", MAKERS)
def test_a_listing_of_many_levels_is_refused_soon(tmp_path: Path, format: str) -> None:
    levels = [forms.directory(f"{TOP}{'/'.join('a' * count)}") for count in range(1, 1990)]
    path = tmp_path / forms.name_of(format)
    path.write_bytes(MAKERS[format](forms.listing(*levels), []))
    start = time.process_time()
    assert str(verify(path).findings[0]) == "a: is missing from the archive"
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("format", CODECS)
def test_a_tar_that_goes_on_behind_its_members_is_refused(refuse: Refuse, format: str) -> None:
    member = tar_member(Thing(f"{TOP}evil", content=b"x" * 10))
    data = tar_of(format, pressed(format, member + raw_tar.END), zeros(format))
    refuse(format, data, "goes on after its end")


def zip_of(**fields: int) -> bytes:
    """A zip with one file, which is deflated from MUCH and says something else."""
    one = zip_making.part(EVIL, bytes(MUCH))
    made = [*map(forms.zip_part, preamble(SMALL)), one._replace(fields={**one.fields, **fields})]
    return zip_making.zipped(made)


def test_a_deflated_content_that_is_larger_than_said_is_refused(refuse: Refuse) -> None:
    refuse("zip", zip_of(size=10), "evil: is damaged: unpacks to more than 10 bytes")
    strange = "evil: its header is damaged"
    refuse("zip", zip_of(size=10, method=0), strange)
    refuse("zip", zip_of(size=10, method=12), strange)


@pytest.mark.parametrize("kept", [0, 5, 1 << 30, (1 << 32) - 1])
def test_a_deflated_content_of_another_length_is_refused(refuse: Refuse, kept: int) -> None:
    refuse("zip", zip_of(size=10, kept=kept), "evil: is ")


def test_sizes_of_zip64_that_nobody_needs_are_refused(refuse: Refuse) -> None:
    most = (1 << 32) - 1
    for size, kept in ((10, 1 << 62), (1 << 62, 10), (10, 10)):
        one = zip_making.part(EVIL, b"x" * 10, size=most, kept=most)
        one = one._replace(extra=struct.pack("<2H2Q", 1, 16, size, kept))
        made = [*map(forms.zip_part, preamble(SMALL)), one]
        refuse("zip", zip_making.zipped(made), "evil: ")


@pytest.mark.parametrize("format", MAKERS)
def test_a_manifest_that_is_too_large_is_refused(refuse: Refuse, format: str) -> None:
    told = "does not begin with a manifest"
    size = canonical.LIMIT + 1
    if format in CODECS:
        first, folder, manifest = preamble(b"")
        header = raw_tar.header(manifest.name.encode(), size=raw_tar.octal(size))
        data = pressed(format, tar_member(first) + tar_member(folder) + header) + zeros(format)
    else:
        members = [forms.zip_part(thing) for thing in preamble(b"x" * 100)]
        members[-1] = members[-1]._replace(local={"size": size})
        data = zip_making.zipped(members)
    refuse(format, data, told)


KERNEL = bytes(1 << 20)
STORED = struct.Struct("<BHH")


def overlapping(count: int) -> tuple[bytes, bytes]:
    """A zip of which each file holds the next ones: Fifield's, and a manifest that lists them all.

    What precedes the next file is quoted, as a stored block of deflate; what it is deflated to
    comes of the same bytes as all others' does.
    """
    data, content = zip_making.deflate(KERNEL), KERNEL
    files, items = [], []
    for number in reversed(range(count)):
        fields = {"kept": len(data), "size": len(content), "crc": zlib.crc32(content), "method": 8}
        one = zip_making.part(f"{TOP}{number:03}", **fields)
        files.append(one)
        items.append(file(f"{number:03}", content))
        quoted = zip_making.local(one)
        block = STORED.pack(0, len(quoted), len(quoted) ^ 0xFFFF)
        data, content = block + quoted + data, quoted + content
    files.reverse()
    before = [*map(forms.zip_part, preamble(manifest_of(reversed(items))))]
    body = zip_making.members_of(before)
    body, offsets = body + data[STORED.size :], [len(body)]
    for one in files[:-1]:
        offsets.append(offsets[-1] + len(zip_making.local(one)) + STORED.size)
    listed = zip_making.directory_of(before) + b"".join(map(zip_making.central, files, offsets))
    end = zip_making.end(len(before) + count, len(listed), len(body))
    return body + listed + end, content


def test_members_that_overlap_are_refused(refuse: Refuse) -> None:
    data, _ = overlapping(60)
    start = data.index(f"{TOP}000".encode()) + len(f"{TOP}000")
    assert len(zlib.decompressobj(-15).decompress(data[start:])) > len(KERNEL)  # it is one
    assert 60 * len(KERNEL) > 500 * len(data)
    found = refuse("zip", data, "001: is missing from the archive")
    assert len(found) == 60


def test_members_that_are_one_and_the_same_are_refused(refuse: Refuse) -> None:
    items = [file(f"{number:03}", KERNEL) for number in range(60)]
    before = [*map(forms.zip_part, preamble(manifest_of(items)))]
    one = zip_making.part(f"{TOP}000", KERNEL)
    files = [one._replace(name=f"{TOP}{number:03}".encode()) for number in range(60)]
    body, at = zip_making.members_of([*before, one]), len(zip_making.members_of(before))
    listed = zip_making.directory_of(before)
    listed += b"".join(zip_making.central(each, at) for each in files)
    data = body + listed + zip_making.end(len(before) + 60, len(listed), len(body))
    refuse("zip", data, "001: is missing from the archive")
