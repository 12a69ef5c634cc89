"""An archive, written below a directory."""

from __future__ import annotations

import os
import resource
import stat
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.contents import compare
from provisioning.artifact.extract import TreeWriter, extract
from provisioning.artifact.model import manifest
from provisioning.errors import ArtifactError

from .making import ITEMS, NAME, Item, chunks, directory, file, link, manifest_of, packed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def into(tmp_path: Path) -> Path:
    path = tmp_path / "into"
    path.mkdir()
    return path


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def written(tmp_path: Path, *items: Item, data: bytes | None = None) -> Path:
    path = tmp_path / NAME
    path.write_bytes(packed(chunks(items or ITEMS, data)))
    return path


def fault(path: Path, into: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        extract(path, into)
    return str(caught.value).replace(str(path), NAME).replace(str(into), "into")


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.lstat().st_mode):04o}"


def test_what_is_extracted_is_what_the_manifest_says(tmp_path: Path, into: Path) -> None:
    made = extract(written(tmp_path), into)
    assert made == manifest.parse(manifest_of(ITEMS), "m")
    assert compare(made, into) == ((), ())
    assert (into / "bin/greenhouse").read_bytes() == b"print('Hello')\n" * 50
    assert (into / ".provisioning/manifest.json").read_bytes() == manifest_of(ITEMS)


@pytest.mark.parametrize(
    ("one", "other"),
    [("README", "readme"), ("Gr\u00f6\u00dfe", "Gro\u0308\u00dfe"), ("stra\u00dfe", "STRASSE")],
)
def test_names_that_a_mac_takes_for_one_are_refused_before_anything_is_written(
    tmp_path: Path, into: Path, one: str, other: str
) -> None:
    first, second = sorted((one, other), key=str.encode)
    archive = written(tmp_path, file(first, b"1"), file(second, b"2"))
    told = f"{NAME}: .provisioning/manifest.json: {second}: is the same path as {first} "
    assert fault(archive, into).startswith(told)
    assert not any(into.iterdir())


@pytest.mark.usefixtures("umask")
def test_modes_are_the_manifests_whatever_the_umask(tmp_path: Path, into: Path) -> None:
    directories = (directory("a", 0o1777), directory("b", 0o555))
    files = (file("b/c", b"x", 0o6755), file("d", b"", 0))
    extract(written(tmp_path, *directories, *files), into)
    modes = [mode(into / name) for name in ("a", "b", "b/c", "d")]
    own = "6755" if os.geteuid() == 0 else "0755"  # it says root, as all of the test's
    assert modes == ["1777", "0555", own, "0000"]
    assert mode(into / ".provisioning/manifest.json") == "0644"


def test_a_directory_that_forbids_itself_is_closed_after_what_it_holds(unprivileged: Path) -> None:
    into = unprivileged / "into"
    into.mkdir()
    extract(written(unprivileged, directory("a", 0), directory("a/b", 0), file("a/b/c")), into)
    assert mode(into / "a") == "0000"
    (into / "a").chmod(0o700)
    assert mode(into / "a/b") == "0000"
    (into / "a/b").chmod(0o700)


def test_a_deep_tree_takes_no_more_descriptors_than_a_flat_one(tmp_path: Path, into: Path) -> None:
    paths = ["/".join(["d"] * depth) for depth in range(1, 200)]
    items = [directory(path) for path in paths]
    path = written(tmp_path, *items, file(paths[-1] + "/x", b"x"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        extract(path, into)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (into / paths[-1] / "x").read_bytes() == b"x"


def test_no_descriptor_is_left_open(tmp_path: Path, into: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    extract(written(tmp_path), into)
    fault(written(tmp_path), into)
    assert len(os.listdir("/dev/fd")) == before


def test_a_large_file_is_written_whole(tmp_path: Path, into: Path) -> None:
    content = bytes(range(256)) * 4096 * 5 + b"end"
    extract(written(tmp_path, file("x", content)), into)
    assert (into / "x").read_bytes() == content


def test_a_directory_that_is_not_empty_is_refused(tmp_path: Path, into: Path) -> None:
    (into / "x").touch()
    assert fault(written(tmp_path), into) == f"{NAME}: cannot be extracted: into is not empty"


def test_a_directory_that_is_none_is_refused(tmp_path: Path, into: Path) -> None:
    path = written(tmp_path)
    assert fault(path, into / "none") == (
        f"{NAME}: cannot be extracted: into: No such file or directory"
    )
    assert fault(path, path) == f"{NAME}: cannot be extracted: {NAME}: Not a directory"


def test_an_archive_that_differs_from_its_manifest_is_refused(tmp_path: Path, into: Path) -> None:
    other = (*ITEMS[:3], file("etc/greenhouse.toml", b"port = 8080\n"), *ITEMS[4:])
    path = written(tmp_path, *other, data=manifest_of(ITEMS))
    assert fault(path, into) == (f"{NAME}: etc/greenhouse.toml: mode 0644, the manifest says 0640")
    assert not (into / "etc/greenhouse.toml").exists()


def test_a_cut_off_archive_is_refused_anywhere(tmp_path: Path) -> None:
    path = written(tmp_path)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        (tmp_path / str(length)).mkdir()
        assert fault(path, tmp_path / str(length)).startswith(f"{NAME}: ")


def test_a_file_of_another_type_is_refused(tmp_path: Path, into: Path) -> None:
    other = (*ITEMS[:3], link("etc/greenhouse.toml", "../lib"), *ITEMS[4:])
    path = written(tmp_path, *other, data=manifest_of(ITEMS))
    assert fault(path, into) == f"{NAME}: etc/greenhouse.toml: type link, the manifest says file"


def test_links_may_lead_to_links(tmp_path: Path, into: Path) -> None:
    extract(written(tmp_path, link("a", "b"), link("b", "c"), file("c", b"x")), into)
    assert (into / "a").read_bytes() == b"x"


@pytest.mark.parametrize("target", ["mine", "none"])
def test_nothing_is_written_through_a_link(tmp_path: Path, into: Path, target: str) -> None:
    (tmp_path / "mine").write_text("mine")
    item = file("a", b"theirs")
    with TreeWriter(into, (item.entry,)) as writer:
        (into / "a").symlink_to(tmp_path / target)  # by somebody who was faster
        with pytest.raises(FileExistsError):
            writer.write(item.entry, [item.content])
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "none").exists()
