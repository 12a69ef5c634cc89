"""Which member of two artifacts of one manifest differs, with the digests of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import filesystem
from provisioning.artifact.deb import containers
from provisioning.builder.archive.encoders import encoder
from provisioning.builder.verify.reproduce import difference
from tests.artifact.deb import making as deb_making
from tests.artifact.making import ITEMS, chunks, file, manifest_of, packed, write_release
from tests.artifact.zip import making as zip_making

if TYPE_CHECKING:
    from pathlib import Path

    from tests.artifact.making import Item

HALLO = b"print('Hallo')\n" * 50
CONTENT = ", built again: ".join(
    f"{filesystem.of_bytes(each)[:16]}…" for each in (HALLO.replace(b"a", b"e"), HALLO)
)
OTHERS = [
    ("lib/main.py", HALLO, 0o755, f"content {CONTENT}"),
    ("lib/main.py", HALLO.replace(b"a", b"e"), 0o700, "header"),
    ("lib/öl.txt", b"", 0o600, "header"),
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
    assert (difference(one, other) or "").endswith(f"; greenhouse/{path}: {told}")
    assert difference(one, one) is None


@pytest.mark.parametrize(
    ("content", "mode", "told"), [(HALLO, 0o755, f"content {CONTENT}"), (b"", 0o755, "content ")]
)
def test_the_member_of_a_zip_is_told(tmp_path: Path, content: bytes, mode: int, told: str) -> None:
    one, other = zip_making.write_release(tmp_path / "one"), tmp_path / "other.zip"
    items = _items("lib/main.py", content, mode)
    other.write_bytes(zip_making.zipped(zip_making.parts(items, manifest_of(ITEMS))))
    assert f"; greenhouse/lib/main.py: {told}" in (difference(one, other) or "")
    assert difference(one, one) is None


def _debs(place: Path, new: bytes, old: bytes | None = None) -> str:
    """How a Debian package differs from a sound one."""
    one, other = place / "one.deb", place / "other.deb"
    one.write_bytes(deb_making.deb() if old is None else old)
    other.write_bytes(new)
    assert difference(one, one) is None
    return (difference(one, other) or "").partition("; ")[2]


def test_the_member_of_a_deb_is_told(tmp_path: Path) -> None:
    data = deb_making.data_of().replace(b"print('Hello')", b"print('Hallo')")
    told = _debs(tmp_path, deb_making.deb(data))
    assert told == f"data.tar.gz: ./opt/greenhouse/lib/main.py: content {CONTENT}"


def test_a_member_of_the_control_member_is_told(tmp_path: Path) -> None:
    control = deb_making.control_tar().replace(b"Section: misc", b"Section: mist")
    told = _debs(tmp_path, deb_making.deb(control=control))
    assert told.startswith("control.tar.gz: ./control: content ")


def test_the_header_of_an_ar_is_told(tmp_path: Path) -> None:
    data = bytearray(deb_making.deb())
    data[len(containers.MAGIC) + 20] ^= 1
    assert _debs(tmp_path, bytes(data)) == "debian-binary: header"


def test_another_codec_of_a_deb_is_told(tmp_path: Path) -> None:
    other = deb_making.wrapped(encoder("xz").compress(deb_making.data_of()), codec="xz")
    assert _debs(tmp_path, other) == ("data.tar.gz: ., built again: data.tar.xz: .")


@pytest.mark.parametrize("codec", ["gzip", "xz"])
def test_what_is_compressed_otherwise_is_told(tmp_path: Path, codec: str) -> None:
    one, other = (
        deb_making.wrapped(bytes(encoder(codec, level).compress(deb_making.data_of())), codec=codec)
        for level in (1, 9)
    )
    assert _debs(tmp_path, other, one) == "all members are the same, but compressed differently"


def test_a_member_that_is_there_too_much_is_told(tmp_path: Path) -> None:
    more = deb_making.deb() + containers.ar_header("_gpgorigin", 0)
    assert _debs(tmp_path, more) == "no more members, built again: _gpgorigin"
