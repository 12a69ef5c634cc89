"""A directory against a manifest: what somebody did to it is told."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.contents import compare, holds, remove
from provisioning.artifact.filesystem import Descent
from provisioning.artifact.model import manifest
from provisioning.artifact.tar import archive

from .making import ITEMS, directory, file, manifest_of

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.artifact.model.manifest import Manifest

SAYS = manifest.parse(manifest_of(ITEMS), "m")


def told(root: Path) -> list[str]:
    found = [str(finding) for finding in compare(SAYS, root).findings]
    assert is_quickly_told(root, SAYS) == (not found)
    return found


def is_quickly_told(root: Path, says: Manifest) -> bool:
    entries = (*archive.reserved(manifest.dump(says)), *says.entries)
    try:
        with Descent(root) as descent:
            if not holds(descent, entries):
                return False
            remove(descent, reversed(entries))
            return descent.is_empty()
    except OSError:
        return False


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
    assert told(root) == [r"'lib/\xff': is not in the manifest"]


def test_a_directory_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    findings = told(tmp_path / "none")
    assert findings[0] == ".provisioning: is missing"
    assert f"{tmp_path}/none: cannot be read: No such file or directory" in findings


def test_nothing_is_called_missing_in_a_directory_that_may_not_be_read(unprivileged: Path) -> None:
    made = (directory("a", mode=0o700), file("a/x", b"x"), directory("ab"), file("ab/x", b"x"))
    for name in ("a", "ab"):
        (unprivileged / name).mkdir(mode=0o755)
    (unprivileged / "a").chmod(0)
    says = SAYS._replace(entries=tuple(item.entry for item in made))
    found = compare(says, unprivileged).findings
    assert ("a", "cannot be read: Permission denied") in found
    assert ("ab/x", "is missing") in found
    assert ("a/x", "is missing") not in found


def test_a_file_that_may_not_be_read_is_told(unprivileged: Path) -> None:
    (unprivileged / "x").write_bytes(b"x")
    (unprivileged / "x").chmod(0)
    says = SAYS._replace(entries=(file("x", b"x", mode=0).entry,))
    found = compare(says, unprivileged).findings
    assert ("x", "cannot be read: Permission denied") in found
    assert not is_quickly_told(unprivileged, says)


def test_what_a_directory_may_not_lose_is_removed_all_the_same(unprivileged: Path) -> None:
    (unprivileged / "a/b").mkdir(parents=True)
    (unprivileged / "a/b/c").touch()
    entries = [directory("a", 0o500).entry, directory("a/b", 0o500).entry, file("a/b/c").entry]
    for closed in ("a/b", "a"):
        (unprivileged / closed).chmod(0o500)
    with Descent(unprivileged) as descent:
        remove(descent, reversed(entries))
    assert not list(unprivileged.iterdir())


def test_what_is_removed_is_not_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").touch()
    (tmp_path / "a").symlink_to("outside")
    with Descent(tmp_path) as descent:
        for entry in (file("a/x").entry, directory("a").entry):
            with pytest.raises(NotADirectoryError):
                remove(descent, [entry])
    assert (tmp_path / "outside/x").exists()


def test_a_large_file_is_compared_to_its_last_byte(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096 * 3 + b"end"
    (tmp_path / "x").write_bytes(content)
    (tmp_path / "x").chmod(0o644)
    with Descent(tmp_path) as descent:
        assert holds(descent, [file("x", content).entry])
        assert not holds(descent, [file("x", content[:-1] + b"D").entry])


def test_a_type_changed_to_a_link_or_a_directory_is_told(root: Path) -> None:
    (root / "lib/main.py").unlink()
    (root / "lib/main.py").mkdir(mode=0o755)
    (root / "etc/greenhouse.toml").unlink()
    (root / "etc/greenhouse.toml").symlink_to("/dev/zero")
    assert told(root) == [
        "etc/greenhouse.toml: type link, the manifest says file",
        "lib/main.py: type dir, the manifest says file",
    ]
