"""An archive against its manifest."""

from __future__ import annotations

import os
from gzip import decompress as gunzip
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model import manifest
from provisioning.artifact.model.manifest import Manifest
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.archive import END, Member, header, padding
from provisioning.artifact.verification import VerifyResult, verify
from tests.conftest import soon

from .making import (
    ITEMS,
    NAME,
    PACKAGE,
    Item,
    chunks,
    directory,
    file,
    gzip,
    link,
    manifest_of,
    member,
    packed,
)

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Refuse

GOOD = manifest_of(ITEMS)


def holding(items: tuple[Item, ...], data: bytes = GOOD) -> bytes:
    """An archive that holds `items`, whatever its manifest says."""
    return packed(chunks(items, data))


def with_item(path: str, item: Item) -> bytes:
    return holding(tuple(item if one.entry.path == path else one for one in ITEMS))


def test_a_sound_archive_is_verified(findings: Refuse, tmp_path: Path) -> None:
    assert findings(holding(ITEMS)) == []
    assert verify(tmp_path / NAME) == VerifyResult(NAME, manifest.parse(GOOD, "m"), ())


def test_it_does_not_matter_how_the_archive_is_cut(findings: Refuse) -> None:
    whole = b"".join(chunks())
    assert findings(gzip(whole)) == []
    assert findings(b"".join(gzip(whole[at : at + 700]) for at in range(0, len(whole), 700))) == []


@pytest.mark.parametrize(
    ("path", "other", "message"),
    [
        (
            "etc/greenhouse.toml",
            file("etc/greenhouse.toml", b"port = 8080\n", mode=0o644),
            "mode 0644, the manifest says 0640",
        ),
        ("lib", directory("lib", mode=0o1777), "mode 1777, the manifest says 0755"),
        ("bin/greenhouse", link("bin/greenhouse", "x"), "link x, the manifest says ../lib/main.py"),
        ("bin/greenhouse", directory("bin/greenhouse"), "type dir, the manifest says link"),
        ("lib/öl.txt", file("lib/öl.txt", b"x"), "size 1, the manifest says 0"),
        (
            "etc/greenhouse.toml",
            file("etc/greenhouse.toml", b"port = 9090\n", mode=0o640),
            "sha256 04c5e951fe9c4202…, the manifest says 37107a4e5ea87339…",
        ),
    ],
)
def test_a_member_that_differs_is_told(
    findings: Refuse, path: str, other: Item, message: str
) -> None:
    assert findings(with_item(path, other)) == [f"{path}: {message}"]


def test_another_owner_and_group_are_told(findings: Refuse) -> None:
    other = file("etc/greenhouse.toml", b"port = 8080\n", mode=0o640, owner="pi")
    assert findings(with_item("etc/greenhouse.toml", other)) == [
        "etc/greenhouse.toml: owner pi, the manifest says root",
        "etc/greenhouse.toml: group pi, the manifest says root",
    ]


def test_a_listed_member_outside_the_top_directory_is_told(findings: Refuse) -> None:
    parts = chunks((file("x"),))
    stray = header(Member("x", "file", 0o644, "root", "root"))
    assert findings(packed([parts[0], stray, END])) == [
        "x: lies outside greenhouse/",
        "x: is missing from the archive",
    ]


def test_all_differences_are_told_at_once(findings: Refuse) -> None:
    items = (directory("bin", mode=0o700), *ITEMS[1:3], *ITEMS[4:], file("x"))
    assert findings(holding(items)) == [
        "bin: mode 0700, the manifest says 0755",
        "x: is not in the manifest",
        "etc/greenhouse.toml: is missing from the archive",
    ]


def test_an_archive_cut_off_at_any_byte_is_refused(findings: Refuse) -> None:
    data = holding(ITEMS)
    for length in range(len(data)):
        (finding,) = findings(data[:length])
        assert finding.startswith(f"{NAME}: ")


def test_a_tar_cut_off_at_any_block_is_refused(findings: Refuse) -> None:
    whole = b"".join(chunks())
    for length in range(512, len(whole), 512):
        assert findings(gzip(whole[:length]))[-1].startswith(f"{NAME}: ")


def test_a_bit_flipped_at_any_byte_is_refused_or_changes_nothing(findings: Refuse) -> None:
    # Deflate has bits that nothing reads, and can say one thing in two ways. What it says is all
    # that an archive alone can vouch for; a release's sums tell every bit (see test_sidecars.py).
    data = holding(ITEMS)
    for offset in range(len(data)):
        flipped = bytearray(data)
        flipped[offset] ^= 1 << offset % 8
        if not findings(bytes(flipped)):
            assert gunzip(flipped) == gunzip(data)


def test_an_archive_without_a_manifest_is_refused(findings: Refuse) -> None:
    message = f"{NAME}: does not begin with a manifest: this tool did not make it"
    assert findings(packed([member(directory("lib")), END])) == [message]
    assert findings(gzip(END)) == [message]
    large = header(Member("x/", "dir", 0o755, "root", "root")) + header(
        Member("x/y", "file", 0o644, "root", "root", 2**40)
    )
    assert findings(gzip(large)) == [message]


def test_a_manifest_that_is_not_where_it_should_be_is_refused(findings: Refuse) -> None:
    other = b"".join(
        header(one._replace(mode=0o700)) for one in archive.preamble(GOOD, "greenhouse")
    )
    data = other + GOOD + bytes(padding(len(GOOD)))
    assert findings(packed([data, END])) == [
        f"{NAME}: .provisioning/manifest.json: is not where it should be in the archive"
    ]


def test_a_manifest_that_is_not_sound_is_refused(findings: Refuse) -> None:
    data = GOOD.replace(b"../lib/main.py", b"../../main.py1")
    (finding,) = findings(holding(ITEMS, data))
    assert finding == (
        f"{NAME}: .provisioning/manifest.json: bin/greenhouse: its target ../../main.py1"
        " leaves the package (..)"
    )


@soon()
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / NAME)
    (finding,) = verify(tmp_path / NAME).findings
    assert str(finding) == f"{NAME}: is not a regular file"
    (finding,) = verify(tmp_path / "none.tar.gz").findings
    assert str(finding) == "none.tar.gz: No such file or directory"


def test_the_longest_names_fit_within_the_limit_that_the_manifest_sets(findings: Refuse) -> None:
    paths = [f"{number:04}" + "é" * 60 for number in range(2000)]
    items = [link(path, "ü" * 100) for path in paths]
    package = PACKAGE._replace(name="n" * 100)
    data = manifest.dump(Manifest(package, tuple(item.entry for item in items)))
    heads = b"".join(map(header, archive.preamble(data, package.name)))
    members = b"".join(header(archive.member(item.entry, package.name)) for item in items)
    assert findings(packed([heads + data + bytes(padding(len(data))), members, END])) == []


def test_an_empty_package_is_verified(findings: Refuse) -> None:
    assert findings(packed(chunks(()))) == []
