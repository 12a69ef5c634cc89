"""Where two artifacts of one manifest begin to differ: which member, which field, which bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.deb import containers
from provisioning.builder.archive.compress import encoder
from provisioning.builder.verify.reproduce import difference
from tests.artifact.deb import making as deb_making
from tests.artifact.making import ITEMS, chunks, file, manifest_of, packed, write_release
from tests.artifact.zip import making as zip_making

if TYPE_CHECKING:
    from pathlib import Path

    from tests.artifact.making import Item

PREFIX = deb_making.MANIFEST.package.prefix
MODES = (  # "55" and "00", then the owner's number
    "35 35 00 30 30 30 30 30 30 30 00 30 30 30 30 30, built again: "
    "30 30 00 30 30 30 30 30 30 30 00 30 30 30 30 30"
)
OWNED = b"0000755\x000000000\x000000000\x0000000001356"  # mode, owner, group, and size of main.py
OTHERS = [
    ("lib/main.py", b"print('Hallo')\n" * 50, 0o755, "byte 8 of its content"),
    ("lib/main.py", b"print('Hello')\n" * 50, 0o700, f"the mode in its header: {MODES}"),
    ("lib/öl.txt", b"", 0o600, "the mode in its header: "),
]
"""Other members under the same manifest, which no verification would let pass."""


def _items(path: str, content: bytes, mode: int = 0o644) -> list[Item]:
    return [file(path, content, mode) if item.entry.path == path else item for item in ITEMS]


@pytest.mark.parametrize(("path", "content", "mode", "told"), OTHERS)
def test_the_member_of_a_tar_is_told(
    tmp_path: Path, path: str, content: bytes, mode: int, told: str
) -> None:
    one = write_release(tmp_path / "one")
    other = tmp_path / one.name
    other.write_bytes(packed(chunks(_items(path, content, mode), manifest_of(ITEMS))))
    assert (difference(one, other, PREFIX) or "").startswith(f"greenhouse/{path}: {told}")
    assert difference(one, one, PREFIX) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (b"print('Hallo')\n" * 50, "greenhouse/lib/main.py: its header"),
        (b"print('Hello')\n" * 50, "the central directory"),
    ],
)
def test_the_member_of_a_zip_is_told(tmp_path: Path, change: bytes, told: str) -> None:
    one, other = zip_making.write_release(tmp_path / "one"), tmp_path / "other.zip"
    items = _items("lib/main.py", change)
    other.write_bytes(zip_making.zipped(zip_making.parts(items, manifest_of(ITEMS))))
    assert (difference(one, other, PREFIX) or "").endswith(f"; {told}")
    assert difference(one, one, PREFIX) is None


def test_what_is_compressed_otherwise_in_a_zip_is_told(tmp_path: Path) -> None:
    one, other = zip_making.write_release(tmp_path / "one"), tmp_path / "other.zip"
    data = bytearray(one.read_bytes())
    (member,) = (each for each in zip_making.parts() if each.name.endswith(b"main.py"))
    data[data.index(member.data) + 5] ^= 1
    other.write_bytes(data)
    told = "greenhouse/lib/main.py: what is compressed there"
    assert (difference(one, other, PREFIX) or "").endswith(f"; {told}")


def _debs(place: Path, new: bytes, old: bytes | None = None) -> str:
    """How a Debian package differs from a sound one."""
    one, other = place / "one.deb", place / "other.deb"
    one.write_bytes(deb_making.deb() if old is None else old)
    other.write_bytes(new)
    assert difference(one, one, PREFIX) is None
    return difference(one, other, PREFIX) or ""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"print('Hello')", b"print('Hallo')", "lib/main.py: byte 8 of its content"),
        (OWNED, OWNED.replace(b"755", b"700"), f"lib/main.py: the mode in its header: {MODES}"),
    ],
)
def test_the_member_of_a_deb_is_told(tmp_path: Path, old: bytes, new: bytes, told: str) -> None:
    data = deb_making.data_of().replace(old, new)
    # No line is told: it may be secret.
    assert _debs(tmp_path, deb_making.deb(data)) == f"data.tar.gz: ./opt/greenhouse/{told}"


def test_lines_of_what_the_build_adds_to_a_deb_are_told(tmp_path: Path) -> None:
    data = deb_making.data_of().replace(b"License: MIT", b"License: XYZ")
    assert _debs(tmp_path, deb_making.deb(data)).splitlines() == [
        "data.tar.gz: ./usr/share/doc/greenhouse/copyright: byte 90 of its content",
        "    @@ -1,4 +1,4 @@",
        "     greenhouse: Greenhouse controller",
        "     ",
        "     Copyright: Greenhouse team <team@example.org>",
        "    -License: MIT",
        "    +License: XYZ",
    ]


def test_lines_of_the_control_member_are_told(tmp_path: Path) -> None:
    control = deb_making.control_tar().replace(b"Section: misc", b"Section: mist")
    told = _debs(tmp_path, deb_making.deb(control=control)).splitlines()
    assert told[0] == "control.tar.gz: ./control: byte 153 of its content"
    assert [line for line in told if line[4] in "-+"] == [
        "    -Section: misc",
        "    +Section: mist",
    ]


def test_a_name_that_is_too_long_for_a_header_is_told(tmp_path: Path) -> None:
    long = "d" * 120
    one, other = (deb_making.deb(deb_making.data_of((file(long + end, b""),))) for end in "ab")
    assert _debs(tmp_path, other, one) == (
        f"data.tar.gz: ./opt/greenhouse/{long}a: what is too long for its header:"
        f" 61{' 00' * 15}, built again: 62{' 00' * 15}"
    )


def test_what_follows_the_last_member_is_told(tmp_path: Path) -> None:
    found = _debs(tmp_path, deb_making.deb(deb_making.data_of() + b"x"))
    assert found == "data.tar.gz: after the last member: its end, built again: 78"


@pytest.mark.parametrize(
    ("at", "told"),
    [(20, "mtime"), (30, "uid"), (36, "gid"), (44, "mode"), (58, "end")],
)
def test_the_field_of_an_ar_that_differs_is_told(tmp_path: Path, at: int, told: str) -> None:
    data = bytearray(deb_making.deb())
    data[len(containers.MAGIC) + at] ^= 1
    found = _debs(tmp_path, bytes(data))
    assert found.startswith(f"debian-binary: the {told} in its header: ")


def test_another_version_of_the_format_is_told(tmp_path: Path) -> None:
    found = _debs(tmp_path, deb_making.deb().replace(b"2.0\n", b"3.0\n"))
    assert found == ("debian-binary: byte 0 of its content: 32 2e 30 0a, built again: 33 2e 30 0a")


def test_another_codec_of_a_deb_is_told(tmp_path: Path) -> None:
    other = deb_making.wrapped(encoder("xz").press(deb_making.data_of()), codec="xz")
    assert _debs(tmp_path, other) == "data.tar.gz, built again: data.tar.xz"


@pytest.mark.parametrize("codec", ["gzip", "xz"])
def test_what_is_compressed_otherwise_in_a_deb_is_told(tmp_path: Path, codec: str) -> None:
    one, other = (
        deb_making.wrapped(bytes(encoder(codec, level).press(deb_making.data_of())), codec=codec)
        for level in (1, 9)
    )
    found = _debs(tmp_path, other, one)
    assert found.startswith("byte ")
    assert found.endswith("; what is compressed there is the same: another encoder made it")


def test_a_member_that_is_there_too_much_is_told(tmp_path: Path) -> None:
    more = deb_making.deb() + containers.ar_header("_gpgorigin", 0)
    assert _debs(tmp_path, more) == "3 members, built again: 4"
