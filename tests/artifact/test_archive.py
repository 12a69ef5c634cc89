"""What archives and what lies in them are called."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.artifact.model.entry import DIR, FILE, LINK, MANIFEST, Entry
from provisioning.artifact.model.release import artifact_name, index_name, manifest_name
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.archive import Member

from .making import PACKAGE, directory, file, link

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_named_for_name_version_and_platform() -> None:
    name = artifact_name(PACKAGE, "tar.gz")
    assert name == "greenhouse-1.4.2-raspberry-pi.tar.gz"
    assert manifest_name(PACKAGE) == "greenhouse-1.4.2-raspberry-pi.manifest.json"
    assert index_name(name) == "greenhouse-1.4.2-raspberry-pi.tar.gz.index.json"


def test_the_preamble_is_the_top_directory_and_the_manifest() -> None:
    assert archive.preamble(b"12345", "demo") == (
        Member("demo/", "dir", 0o755, "root", "root"),
        Member("demo/.provisioning/", "dir", 0o755, "root", "root"),
        Member("demo/.provisioning/manifest.json", "file", 0o644, "root", "root", 5),
    )


def test_an_entry_becomes_a_member_below_the_top_directory() -> None:
    made = [archive.member(item.entry, "demo") for item in (directory("d"), link("l", "d"))]
    assert made[0] == Member("demo/d/", "dir", 0o755, "root", "root")
    assert made[1] == Member("demo/l", "link", 0o777, "root", "root", 0, "d")
    assert archive.member(file("f", b"123").entry, "demo").size == 3


@pytest.mark.parametrize("tool", ["tar", "bsdtar", "busybox tar"])
def test_every_tar_extracts_an_archive_of_many_gzip_members(
    tool: str, release: Path, tmp_path: Path
) -> None:
    command = [*tool.split(), "-xzf", release, "-C", tmp_path]
    subprocess.run(command, check=True, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
    root = tmp_path / "greenhouse"
    assert (root / "bin/greenhouse").read_bytes() == b"print('Hello')\n" * 50
    assert (root / "etc/greenhouse.toml").stat().st_mode & 0o7777 == 0o640
    assert (root / MANIFEST).is_file()


@given(
    st.builds(
        Entry,
        path=st.text("abc/.é", min_size=1, max_size=110),
        type=st.sampled_from([FILE, DIR, LINK]),
        mode=st.integers(0, 0o7777),
        owner=st.sampled_from(["root", "1000", "u" * 32]),
        group=st.sampled_from(["root", "20", "staff"]),
        size=st.integers(0, 1 << 40),
    )
)
def test_an_entry_is_spelt_as_its_member_is(entry: Entry) -> None:
    size, link = entry.size if entry.type == FILE else 0, "a" if entry.type == LINK else ""
    entry = entry._replace(size=size, link=link)
    spelling, member = archive.Posix("demo"), archive.member(entry, "demo")
    assert spelling.header(entry) == archive.header(member)
    assert spelling.length(entry) == archive.length(member)
