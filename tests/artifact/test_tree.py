"""A directory against a manifest: what somebody did to it is told."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import manifest
from provisioning.artifact.extract import extract
from provisioning.artifact.tree import compare

from .making import ITEMS, file, manifest_of

if TYPE_CHECKING:
    from pathlib import Path

SAYS = manifest.parse(manifest_of(ITEMS), "m")


@pytest.fixture
def root(release: Path, tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    extract(release, path)
    return path


def told(root: Path) -> list[str]:
    return [str(finding) for finding in compare(SAYS, root)]


def test_what_was_extracted_is_found(root: Path) -> None:
    assert told(root) == []


def test_a_file_removed_is_told(root: Path) -> None:
    (root / "lib/main.py").unlink()
    assert told(root) == ["lib/main.py: is missing"]


def test_files_added_are_told(root: Path) -> None:
    (root / "lib/new").mkdir()
    (root / "lib/new/x").touch()
    (root / ".provisioning/y").touch()
    assert told(root) == [
        ".provisioning/y: is not in the manifest",
        "lib/new: is not in the manifest",
        "lib/new/x: is not in the manifest",
    ]


def test_a_mode_changed_is_told(root: Path) -> None:
    (root / "etc/greenhouse.toml").chmod(0o644)
    assert told(root) == ["etc/greenhouse.toml: mode 0644, the manifest says 0640"]


def test_a_content_changed_is_told_even_at_equal_size_and_time(root: Path) -> None:
    path = root / "etc/greenhouse.toml"
    status = path.stat()
    path.write_bytes(b"port = 9090\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert told(root) == [
        "etc/greenhouse.toml: sha256 04c5e951fe9c4202…, the manifest says 37107a4e5ea87339…"
    ]


def test_a_size_changed_is_told(root: Path) -> None:
    (root / "lib/öl.txt").write_bytes(b"x")
    assert told(root) == ["lib/öl.txt: size 1, the manifest says 0"]


def test_a_link_changed_is_told_and_not_followed(root: Path) -> None:
    (root / "bin/greenhouse").unlink()
    (root / "bin/greenhouse").symlink_to("/")
    assert told(root) == ["bin/greenhouse: link /, the manifest says ../lib/main.py"]


def test_a_directory_replaced_by_a_link_is_not_followed(root: Path) -> None:
    (root / "etc").rename(root / "elsewhere")
    (root / "etc").symlink_to("elsewhere")
    assert told(root) == [
        "elsewhere: is not in the manifest",
        "elsewhere/greenhouse.toml: is not in the manifest",
        "etc: type link, the manifest says dir",
        "etc/greenhouse.toml: is missing",
    ]


def test_a_manifest_changed_is_told(root: Path) -> None:
    (root / ".provisioning/manifest.json").write_bytes(b"{}")
    (finding,) = told(root)
    assert finding.startswith(".provisioning/manifest.json: size 2, the manifest says ")


def test_what_is_no_file_is_not_opened(root: Path) -> None:
    (root / "lib/main.py").unlink()
    os.mkfifo(root / "lib/main.py")
    assert told(root) == ["lib/main.py: type FIFO, the manifest says file"]
    with socket.socket(socket.AF_UNIX) as one:
        here = os.open(root, os.O_RDONLY)
        one.bind(f"/proc/self/fd/{here}/s")
        os.close(here)
    assert "s: is not in the manifest" in told(root)


def test_a_name_that_is_no_text_is_told(root: Path) -> None:
    (root / os.fsdecode(b"lib/\xff")).touch()
    assert told(root) == [r"'lib/\udcff': is not in the manifest"]


def test_a_directory_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    findings = told(tmp_path / "none")
    assert findings[0] == ".provisioning: is missing"
    assert f"{tmp_path}/none: cannot be read: No such file or directory" in findings


def test_a_file_that_may_not_be_read_is_told(unprivileged: Path) -> None:
    (unprivileged / "x").write_bytes(b"x")
    (unprivileged / "x").chmod(0)
    says = SAYS._replace(entries=(file("x", b"x", mode=0).entry,))
    found = compare(says, unprivileged)
    assert ("x", "cannot be read: Permission denied") in found


def test_owners_are_compared_where_asked(root: Path) -> None:
    uid, gid = os.getuid(), os.getgid()
    entries = tuple(one._replace(owner=str(uid), group=str(gid + 1)) for one in SAYS.entries)
    found = [str(one) for one in compare(SAYS._replace(entries=entries), root, own=True)]
    assert f"lib: owner {uid}:{gid}, the manifest says {uid}:{gid + 1}" in found


def test_an_owner_that_is_unknown_here_is_told(root: Path) -> None:
    entries = (file("x", owner="nobody-such").entry,)
    (root / "x").touch()
    (root / "x").chmod(0o644)
    found = compare(SAYS._replace(entries=entries), root, own=True)
    assert ("x", "owner nobody-such:nobody-such is not known on this machine") in found
