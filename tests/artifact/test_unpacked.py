"""A package that was unpacked, read as if it were an artifact still."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.contents import DirectoryReader
from provisioning.errors import ArtifactError

from .making import ITEMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from provisioning.artifact.model.entry import Entry


def read(root: Path) -> tuple[list[str], dict[str, bytes]]:
    """What is told of a package, and the files that are handed on."""
    found: dict[str, bytes] = {}

    def write(entry: Entry, blocks: Iterable[bytes]) -> None:
        found[entry.path] = b"".join(blocks)

    return [str(finding) for finding in DirectoryReader(root).findings(write)], found


def test_each_file_is_handed_on(root: Path) -> None:
    told, found = read(root)
    assert told == []
    assert found == {item.entry.path: item.content for item in ITEMS if item.entry.type == "file"}


def test_modes_are_those_of_whoever_unpacked_it(root: Path) -> None:
    (root / "lib/main.py").chmod(0o600)
    (root / "lib").chmod(0o700)
    assert read(root)[0] == []


def tampered(root: Path) -> None:
    (root / "lib/main.py").write_bytes(b"print('Hallo')\n" * 50)


def shortened(root: Path) -> None:
    (root / "lib/main.py").write_bytes(b"")


def removed(root: Path) -> None:
    (root / "lib/main.py").unlink()


def added(root: Path) -> None:
    (root / "lib/new").touch()


def turned(root: Path) -> None:
    (root / "bin/greenhouse").unlink()
    (root / "bin/greenhouse").symlink_to("../lib")


def replaced(root: Path) -> None:
    (root / "lib/main.py").unlink()
    os.mkfifo(root / "lib/main.py")


def led_away(root: Path) -> None:
    (root / "lib").rename(root.parent / "lib")
    (root / "lib").symlink_to(root.parent / "lib")


DONE: dict[Callable[[Path], None], str] = {
    tampered: "lib/main.py: sha256 ",
    shortened: "lib/main.py: size 0, the manifest says 750",
    removed: "lib/main.py: is missing",
    added: "lib/new: is not in the manifest",
    turned: "bin/greenhouse: link ../lib, the manifest says ../lib/main.py",
    replaced: "lib/main.py: type FIFO, the manifest says file",
    led_away: "lib: type link, the manifest says dir",
}


@pytest.mark.parametrize("do", DONE, ids=lambda do: do.__name__)
def test_each_difference_is_told(root: Path, do: Callable[[Path], None]) -> None:
    do(root)
    told, found = read(root)
    assert told[0].startswith(DONE[do])
    assert do is tampered or "lib/main.py" not in found or do in {added, turned}


def test_what_is_no_package_is_told(tmp_path: Path) -> None:
    (tmp_path / ".provisioning").mkdir()
    (tmp_path / ".provisioning/manifest.json").write_text("{")
    with pytest.raises(ArtifactError):
        DirectoryReader(tmp_path)
