"""A package in several formats, and as a plain directory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.tar import chunking
from provisioning.artifact.verification import verify_release
from provisioning.builder.archive.pack import pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace import checksums
from provisioning.builder.workspace.paths import Workspace, workspace
from provisioning.errors import BuildError
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out

if TYPE_CHECKING:
    from provisioning.builder.collect.file_state import Digests

BOTH = ("tar.gz", "dir")


def _packed(digests: Digests, **changes: Any) -> Workspace:
    write("t/bin/run", "#!/bin/sh\n", mode=0o755)
    write("t/lib/text", "one\n")
    write("t/lib/large", "x" * (9 << 20))
    if not os.path.lexists("t/lib/link"):
        os.symlink("text", "t/lib/link")
    described = variant(content("src", "t", ""), **{"formats": BOTH, **changes})
    (layout,) = lay_out([described], Sources("artifacts"))
    place = workspace(described, "artifacts")
    pack(place, Listing.of(collect(layout, digests.look)), digests)
    checksums.write_sums(place)
    return place


def _findings(place: Workspace) -> list[str]:
    reports = verify_release(place.release)
    return [str(finding) for report in reports for finding in report.findings]


def test_a_directory_is_what_tar_unpacks(digests: Digests) -> None:
    place = _packed(digests)
    Path("out").mkdir()
    subprocess.run(["tar", "-xf", place.artifact("tar.gz").resolve()], cwd="out", check=True)
    listing = ["find", ".", "-printf", "%P %y %m %l %T@\n"]
    one, other = (
        sorted(subprocess.check_output(listing, cwd=where).splitlines())
        for where in ("out/demo", place.artifact("dir"))
    )
    assert one == other
    command = ["diff", "-r", "--no-dereference", "out/demo", place.artifact("dir")]
    subprocess.run(command, check=True)


def test_all_formats_of_a_release_are_verified(digests: Digests) -> None:
    place = _packed(digests)
    assert _findings(place) == []
    subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=place.release, check=True)


@pytest.mark.parametrize("path", ["bin/run", "lib/large"])
def test_an_edit_in_the_directory_is_told(digests: Digests, path: str) -> None:
    place = _packed(digests)
    edited = place.artifact("dir") / path
    edited.write_bytes(edited.read_bytes()[:-1] + b"!")
    (finding,) = _findings(place)
    assert finding.startswith(f"{path}: sha256 ")


def test_a_format_that_is_missing_is_told(digests: Digests) -> None:
    place = _packed(digests)
    place.artifact("tar.gz").unlink()
    assert "demo-1.0-raspberry-pi.tar.gz: is missing" in _findings(place)


def test_a_format_that_is_no_longer_asked_for_is_removed(digests: Digests) -> None:
    place = _packed(digests)
    _packed(digests, formats=("tar.gz",))
    assert not place.artifact("dir").exists()
    _packed(digests, formats=("dir",))
    assert sorted(os.listdir(place.release)) == [
        "SHA256SUMS",
        "demo",
        "demo-1.0-raspberry-pi.cdx.json",
        "demo-1.0-raspberry-pi.manifest.json",
        "demo-1.0-raspberry-pi.provenance.json",
    ]


def test_a_directory_is_replaced_as_a_whole(digests: Digests) -> None:
    place = _packed(digests)
    write("artifacts/demo-1.0-raspberry-pi/demo/mine", "")
    _packed(digests)
    assert not (place.artifact("dir") / "mine").exists()
    assert _findings(place) == []


def test_a_build_that_fails_leaves_the_directory_that_there_was(digests: Digests) -> None:
    place = _packed(digests)
    (layout,) = lay_out([place.variant], Sources("artifacts"))
    found = Listing.of(collect(layout, digests.look))
    write("t/lib/text", "two\n")
    with pytest.raises(BuildError, match="changed while it was packaged"):
        pack(place, found, digests)
    assert _findings(place) == []
    assert min(os.listdir(place.release)) == "SHA256SUMS"  # and no temporary name


TARS = ("tar.gz", "tar.zst", "tar.xz")
CODECS = {"tar.gz": "gzip", "tar.zst": "zstd", "tar.xz": "xz", "zip": "deflate"}
JUDGES = [  # busybox tar has never known zstd
    *((["tar", "-xf"], format) for format in TARS),
    *((["bsdtar", "-xf"], format) for format in TARS),
    (["busybox", "tar", "-xzf"], "tar.gz"),
    (["busybox", "tar", "-xJf"], "tar.xz"),
    (["unzip", "-q"], "zip"),
    (["bsdtar", "-xf"], "zip"),
]


@pytest.mark.needs("GNU tar", "xz", "zstd")
@pytest.mark.parametrize(("judge", "format"), JUDGES)
def test_the_world_s_tools_unpack_every_format(
    digests: Digests, judge: list[str], format: str
) -> None:
    place = _packed(digests, formats=(format,))
    Path("out").mkdir()
    subprocess.run([*judge, place.artifact(format).resolve()], cwd="out", check=True)
    subprocess.run(["rm", "-r", "out/demo/.provisioning"], check=True)
    subprocess.run(["diff", "-r", "--no-dereference", "t", "out/demo"], check=True)


def test_every_codec_is_verified_and_holds_the_same_tar(digests: Digests) -> None:
    place = _packed(digests, formats=TARS)
    assert _findings(place) == []
    indexes = [
        chunking.parse(path.read_bytes(), path.name) for path in place.release.glob("*.index.json")
    ]
    assert {each.codec for each in indexes} == {"gzip", "zstd", "xz"}
    assert len({each.tar_size for each in indexes}) == 1


@pytest.mark.parametrize("format", CODECS)
def test_a_bit_flipped_at_any_byte_of_any_archive_is_told(digests: Digests, format: str) -> None:
    write("t/text", "text")
    described = variant(content("src", "t", ""), formats=(format,))
    (layout,) = lay_out([described], Sources("artifacts"))
    place = workspace(described, "artifacts")
    pack(place, Listing.of(collect(layout, digests.look)), digests)
    checksums.write_sums(place)
    archive = place.artifact(format)
    data = archive.read_bytes()
    for offset in range(len(data)):
        flipped = bytearray(data)
        flipped[offset] ^= 1 << offset % 8
        archive.write_bytes(flipped)
        assert _findings(place)


@pytest.mark.parametrize("format", CODECS)
def test_a_level_makes_other_bytes_of_the_same_package(digests: Digests, format: str) -> None:
    place = _packed(digests, formats=(format,), compression={format: f"{CODECS[format]}:1"})
    data = place.artifact(format).read_bytes()
    place = _packed(digests, formats=(format,), compression={format: f"{CODECS[format]}:9"})
    assert place.artifact(format).read_bytes() != data
    assert _findings(place) == []
