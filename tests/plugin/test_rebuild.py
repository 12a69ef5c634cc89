"""`doit verify --rebuild`: a build from nothing gives the same bytes, or where it does not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from provisioning.build.rebuild import _difference
from tests.artifact.making import ITEMS, chunks, file, manifest_of, packed, write_release
from tests.artifact.zip import making as zip_making
from tests.conftest import unmeasured
from tests.plugin.conftest import FILES, SPEC, Project

if TYPE_CHECKING:
    from pathlib import Path

MODES = (  # "55" and "00", then the owner's number
    "35 35 00 30 30 30 30 30 30 30 00 30 30 30 30 30, built again: "
    "30 30 00 30 30 30 30 30 30 30 00 30 30 30 30 30"
)
FORMATS = "formats: [tar.gz, zip, dir]\ncompression: {tar.gz: gzip:1}\n"


@pytest.fixture
def built(tmp_path: Path) -> Project:
    project = Project(tmp_path, {**FILES, "specs/demo.yaml": SPEC + FORMATS})
    with unmeasured():
        project.doit()
    return project


def test_a_build_from_nothing_is_the_same_and_leaves_nothing(built: Project) -> None:
    before = sorted(str(path) for path in built.path("artifacts").rglob("*"))
    assert "verify:demo:mac-mini" in built.doit("verify", "--rebuild")
    assert sorted(str(path) for path in built.path("artifacts").rglob("*")) == before


def test_one_variant_is_built_again_alone(built: Project) -> None:
    assert "raspberry-pi" not in built.doit("verify:demo:mac-mini", "--rebuild")


def test_another_compression_is_told(built: Project) -> None:
    built.edit("specs/demo.yaml", "gzip:1", "gzip:9")
    assert "verified" in built.doit("verify:demo:mac-mini")
    output = built.doit("verify:demo:mac-mini", "--rebuild", status=1)
    assert "demo-1.0-mac-mini.tar.gz: byte " in output
    assert "; what is compressed there is the same: another encoder made it" in output
    assert "a build from nothing gives something else" in output


def test_another_time_in_a_directory_is_told(built: Project) -> None:
    os.utime(built.path("artifacts/demo-1.0-mac-mini/demo/lib/main.py"), (5, 5))
    output = built.doit("verify:demo:mac-mini", "--rebuild", status=1)
    assert "lib/main.py: 100644 5 " in output
    assert ", built again: 100644 946684800 " in output


def test_what_the_help_says_is_accepted(built: Project) -> None:
    assert "--rebuild" in built.doit("help", "verify")


@pytest.mark.parametrize(
    ("path", "content", "mode", "told"),
    [
        ("lib/main.py", b"print('Hallo')\n" * 50, 0o755, "byte 8 of its content"),
        ("lib/main.py", b"print('Hello')\n" * 50, 0o700, f"the mode in its header: {MODES}"),
        ("lib/öl.txt", b"", 0o600, "the mode in its header: "),
    ],
)
def test_the_member_that_differs_is_told(
    tmp_path: Path, path: str, content: bytes, mode: int, told: str
) -> None:
    """Another member under the same manifest, which no verification would let pass."""
    items = [file(path, content, mode) if item.entry.path == path else item for item in ITEMS]
    one = write_release(tmp_path / "one")
    other = tmp_path / one.name
    other.write_bytes(packed(chunks(items, manifest_of(ITEMS))))
    assert (_difference(one, other) or "").startswith(f"greenhouse/{path}: {told}")
    assert _difference(one, one) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (b"print('Hallo')\n" * 50, "greenhouse/lib/main.py: its header"),
        (b"print('Hello')\n" * 50, "the central directory"),
    ],
)
def test_the_member_of_a_zip_that_differs_is_told(tmp_path: Path, change: bytes, told: str) -> None:
    one, other = zip_making.write_release(tmp_path / "one"), tmp_path / "other.zip"
    items = [
        file("lib/main.py", change) if item.entry.path == "lib/main.py" else item for item in ITEMS
    ]
    other.write_bytes(zip_making.zipped(zip_making.parts(items, manifest_of(ITEMS))))
    assert (_difference(one, other) or "").endswith(f"; {told}")
    assert _difference(one, one) is None


def test_what_is_compressed_otherwise_in_a_zip_is_told(tmp_path: Path) -> None:
    one, other = zip_making.write_release(tmp_path / "one"), tmp_path / "other.zip"
    data = bytearray(one.read_bytes())
    (member,) = (each for each in zip_making.parts() if each.name.endswith(b"main.py"))
    data[data.index(member.data) + 5] ^= 1
    other.write_bytes(data)
    told = "greenhouse/lib/main.py: what is compressed there"
    assert (_difference(one, other) or "").endswith(f"; {told}")
