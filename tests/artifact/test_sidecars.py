"""A release: the archive and what lies beside it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.model.release import index_name, manifest_name
from provisioning.artifact.model.sums import SUMS
from provisioning.artifact.tar import chunking
from provisioning.artifact.verification import verify, verify_release

from .making import ITEMS, NAME, PACKAGE, manifest_of, write_release, write_sums

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = manifest_name(PACKAGE)
INDEX = index_name(NAME)
SHA = "0" * 64


def told(path: Path) -> list[str]:
    reports = verify_release(path) if path.is_dir() else (verify(path),)
    return [str(finding) for report in reports for finding in report.findings]


def with_index(release: Path, **changes: Any) -> list[str]:
    path = release.with_name(INDEX)
    path.write_bytes(chunking.dump(chunking.parse(path.read_bytes(), "i")._replace(**changes)))
    write_sums(release.parent)
    return told(release.parent)


def test_a_release_is_verified_by_its_directory_or_its_archive(release: Path) -> None:
    assert told(release.parent) == told(release) == []
    (report,) = verify_release(release.parent)
    assert verify(release).artifact == report.artifact == NAME


def test_sha256sum_agrees(release: Path) -> None:
    command = ["sha256sum", "--strict", "--quiet", "-c", SUMS]
    subprocess.run(command, cwd=release.parent, check=True)


def test_an_archive_alone_is_held_against_its_own_manifest(release: Path) -> None:
    for name in (MANIFEST, INDEX, SUMS):
        release.with_name(name).unlink()
    assert told(release) == []


@pytest.mark.parametrize("name", [MANIFEST, INDEX, SUMS])
def test_a_directory_holds_every_sidecar(release: Path, name: str) -> None:
    release.with_name(name).unlink()
    assert told(release.parent) == [f"{name}: is missing"]
    assert told(release) == []


def test_a_directory_holds_an_artifact(tmp_path: Path) -> None:
    assert told(tmp_path) == [f"{tmp_path.name}: holds no artifact"]


def test_a_bit_flipped_at_any_byte_of_the_archive_is_refused(release: Path) -> None:
    data = release.read_bytes()
    for offset in range(len(data)):
        flipped = bytearray(data)
        flipped[offset] ^= 1 << offset % 8
        release.write_bytes(flipped)
        assert verify(release).findings


@pytest.mark.parametrize("name", [MANIFEST, INDEX, SUMS])
def test_a_bit_flipped_at_any_byte_of_a_sidecar_is_refused(release: Path, name: str) -> None:
    path = release.with_name(name)
    data = path.read_bytes()
    for offset in range(len(data)):
        flipped = bytearray(data)
        flipped[offset] ^= 1 << offset % 8
        path.write_bytes(flipped)
        assert verify(release).findings


@pytest.mark.parametrize("name", [NAME, MANIFEST, INDEX, SUMS])
def test_a_file_cut_off_at_any_byte_is_refused(release: Path, name: str) -> None:
    path = release.with_name(name)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        assert verify(release).findings


def test_another_manifest_beside_the_archive_is_told(release: Path) -> None:
    release.with_name(MANIFEST).write_bytes(manifest_of(ITEMS[:-1]))
    write_sums(release.parent)
    assert told(release) == [f"{MANIFEST}: is not the manifest inside the archive"]


@pytest.mark.parametrize("key", ["digest", "tar_digest", "manifest_digest"])
def test_a_wrong_digest_in_the_index_is_told(release: Path, key: str) -> None:
    (finding,) = with_index(release, **{key: SHA})
    assert finding.startswith(f"{INDEX}: {key} {SHA}, the archive's is ")


def test_another_archives_index_is_told(release: Path) -> None:
    assert with_index(release, archive="b.tar.gz") == [
        f"{INDEX}: archive b.tar.gz, the archive's is {NAME}"
    ]


def test_other_chunks_are_told(release: Path) -> None:
    one, two, *rest = chunking.parse(release.with_name(INDEX).read_bytes(), "i").chunks
    message = [f"{INDEX}: its chunks are not those of the archive"]
    assert with_index(release, chunks=(one._replace(digest=SHA), two, *rest)) == message
    joined = one._replace(
        length=one.length + two.length, tar_length=one.tar_length + two.tar_length
    )
    assert with_index(release, chunks=(joined, *rest)) == message


def test_an_index_that_is_none_is_told(release: Path) -> None:
    release.with_name(INDEX).write_bytes(b"{}\n")
    write_sums(release.parent)
    (finding,) = told(release)
    assert finding.startswith(f"{INDEX}: line 1: is not JSON")


def test_a_sum_that_differs_is_told(release: Path) -> None:
    sums = release.with_name(SUMS)
    first, rest = sums.read_text().split("  ", 1)
    sums.write_text(f"{SHA}  {rest}")
    assert told(release) == [f"{MANIFEST}: sha256 {first}, SHA256SUMS says {SHA}"]


def test_a_file_is_listed_once(release: Path) -> None:
    sums = release.with_name(SUMS)
    line = sums.read_text().splitlines(keepends=True)[0]
    sums.write_text(f"{SHA}{line[64:]}{sums.read_text()}")
    first = line[:64]
    assert told(release) == [
        f"SHA256SUMS: line 2: lists {MANIFEST} again",
        f"{MANIFEST}: sha256 {first}, SHA256SUMS says {SHA}",
    ]


def test_sums_list_the_release_and_nothing_else(release: Path) -> None:
    sums = release.with_name(SUMS)
    lines = sums.read_text().splitlines(keepends=True)
    sums.write_text("".join((*lines[1:], f"{SHA}  ../x\n", "rubbish\n")))
    assert told(release) == [
        "SHA256SUMS: line 4: is not a SHA-256, two spaces and a name",
        "SHA256SUMS: lists ../x, which is not part of the release",
        f"SHA256SUMS: does not list {MANIFEST}",
    ]


def test_sums_of_what_did_not_travel_along_are_passed_over(release: Path) -> None:
    release.with_name(MANIFEST).unlink()
    release.with_name(INDEX).unlink()
    assert told(release) == []


def test_a_sidecar_that_is_no_file_is_told_without_waiting(release: Path) -> None:
    release.with_name(MANIFEST).unlink()
    os.mkfifo(release.with_name(MANIFEST))
    assert told(release) == [f"{MANIFEST}: is not a regular file"]


def test_a_sidecar_has_bounds(release: Path) -> None:
    release.with_name(SUMS).write_bytes(bytes(65 * 1024))
    assert told(release) == ["SHA256SUMS: is larger than 65536 bytes"]


def test_an_archive_under_another_name_is_told(release: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    write_release(folder)
    for path in folder.iterdir():
        path.rename(path.with_name(path.name.replace("1.4.2", "1.4.3")))
    (folder / SUMS).unlink()
    write_sums(folder)
    other = NAME.replace("1.4.2", "1.4.3")
    assert {
        f"{MANIFEST}: is missing",
        f"{other}.index.json: archive {NAME}, the archive's is {other}",
        f"{other}: should be called {NAME} according to its manifest",
    } <= {*told(folder)}
