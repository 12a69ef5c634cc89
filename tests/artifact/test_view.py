from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import filesystem
from provisioning.artifact.difference import _bounded, view
from provisioning.errors import ArtifactError

from . import making

if TYPE_CHECKING:
    from pathlib import Path

WANTED = ("etc/greenhouse.toml", "lib/öl.txt")
CONTENTS = {"etc/greenhouse.toml": b"port = 8080\n", "lib/öl.txt": b""}


def refused(path: Path) -> str:
    """Why a package cannot be looked into, at once or when it is read."""
    with pytest.raises(ArtifactError) as caught:
        view(path, "it").contents(WANTED)
    return str(caught.value)


def test_an_archive_is_looked_into(release: Path) -> None:
    seen = view(release, "it")
    assert seen.manifest.package == making.PACKAGE
    assert seen.contents(WANTED) == CONTENTS
    assert seen.contents(()) == {}


def test_an_unpacked_package_is_looked_into(root: Path) -> None:
    seen = view(root, "it")
    assert seen.manifest.package == making.PACKAGE
    assert seen.contents(WANTED) == CONTENTS


def test_a_release_is_what_it_holds(release: Path) -> None:
    assert view(release.parent, "it").contents(WANTED) == CONTENTS


def test_damage_is_told_whatever_is_wanted(release: Path) -> None:
    release.write_bytes(release.read_bytes() + b"\0")
    with pytest.raises(ArtifactError) as caught:
        view(release, "it").contents(())
    size = len(release.read_bytes()) - 1
    assert str(caught.value).startswith("it: is damaged")
    assert f"at byte {size}: not the gzip header" in str(caught.value)


def test_a_content_that_the_manifest_does_not_know_is_told(tmp_path: Path) -> None:
    other = making.file("etc/greenhouse.toml", b"port = 9090\n", mode=0o640)
    items = [other if item.entry.path == other.entry.path else item for item in making.ITEMS]
    path = tmp_path / making.NAME
    path.write_bytes(making.packed(making.chunks(items, making.manifest_of(making.ITEMS))))
    sums = [filesystem.of_bytes(each)[:16] for each in (b"port = 9090\n", b"port = 8080\n")]
    told = f"etc/greenhouse.toml: sha256 {sums[0]}…, the manifest says {sums[1]}…"
    assert refused(path) == f"it: {told}"


def test_more_content_than_the_manifest_allows_is_told(tmp_path: Path) -> None:
    other = making.file("etc/greenhouse.toml", b"x" * 5_000_000, mode=0o640)
    items = [other if item.entry.path == other.entry.path else item for item in making.ITEMS]
    path = tmp_path / making.NAME
    path.write_bytes(making.packed(making.chunks(items, making.manifest_of(making.ITEMS))))
    assert refused(path) == "it: etc/greenhouse.toml: size 5000000, the manifest says 12"


def test_what_was_changed_in_an_unpacked_package_is_told(root: Path) -> None:
    (root / "etc/greenhouse.toml").write_bytes(b"port = 9090\n")
    assert refused(root).startswith("it: etc/greenhouse.toml: sha256 ")
    (root / "etc/greenhouse.toml").unlink()
    (root / "etc/greenhouse.toml").symlink_to("/etc/passwd")
    assert refused(root) == "it: etc/greenhouse.toml: type link, the manifest says file"


def test_another_archive_in_the_place_of_the_first_is_told(release: Path, tmp_path: Path) -> None:
    seen = view(release, "it")
    os.replace(making.write_release(tmp_path / "other", making.ITEMS[:-1]), release)
    with pytest.raises(ArtifactError) as caught:
        seen.contents(WANTED)
    assert str(caught.value) == "it: changed while it was read; try again"


def test_what_is_no_artifact_is_told(tmp_path: Path) -> None:
    fifo = tmp_path / "a.tar.gz"
    os.mkfifo(fifo)
    assert refused(fifo) == "it: is not a regular file"
    assert refused(tmp_path / "b.tar.gz") == "it: No such file or directory"
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty") == "it: holds no artifact"
    assert refused(tmp_path) == "it/a.tar.gz: is not a regular file"


def test_of_more_content_than_was_announced_little_is_kept() -> None:
    blocks = iter([b"1234"] * 1000)
    assert _bounded(blocks, 5) == b"12341234"
    assert len(list(blocks)) == 998
