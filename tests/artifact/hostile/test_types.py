"""What no package holds: devices, FIFOs, sockets, and rights that nobody declared."""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.verification import verify
from tests.artifact.making import directory as directory_item
from tests.artifact.making import file, manifest_of

from .forms import KNOWS, MAKERS, TOP, Thing, directory

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Refuse

DEVICES = ["character device", "block device"]
SPECIAL = [*DEVICES, "FIFO", "socket"]
MADE = [
    *(pytest.param(kind, marks=pytest.mark.needs("root")) for kind in DEVICES),
    *("FIFO", "socket"),
]
CASES = [(format, kind) for format in MAKERS for kind in SPECIAL if kind in KNOWS[format]]


@pytest.mark.parametrize(("format", "kind"), CASES)
def test_what_no_package_holds_is_refused(refuse: Refuse, format: str, kind: str) -> None:
    evil = Thing(TOP + "evil", kind)
    refuse(format, MAKERS[format](manifest_of(()), [evil]), "evil: is ")
    told = refuse(format, MAKERS[format](manifest_of([file("evil")]), [evil]), "evil: ")
    assert kind in told[0]


MODES = [0o4755, 0o2755, 0o1755, 0o777, 0o6777, 0o757]


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("mode", MODES)
def test_rights_that_nobody_declared_are_refused(refuse: Refuse, format: str, mode: int) -> None:
    data = manifest_of([directory_item("d"), file("evil", b"x", mode=0o755)])
    folder, good = directory(TOP + "d"), Thing(TOP + "evil", content=b"x", mode=0o755)
    told = f"mode {mode:04o}, the manifest says 0755"
    refuse(format, MAKERS[format](data, [folder, good._replace(mode=mode)]), f"evil: {told}")
    refuse(format, MAKERS[format](data, [folder._replace(mode=mode), good]), f"d: {told}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of a package with a file and a directory in it."""
    root = tmp_path / "greenhouse"
    (root / ".provisioning").mkdir(parents=True)
    (root / "d").mkdir()
    (root / "evil").write_text("x")
    (root / "evil").chmod(0o755)
    data = manifest_of([directory_item("d"), file("evil", b"x", mode=0o755)])
    (root / ".provisioning/manifest.json").write_bytes(data)
    assert verify(root).findings == ()
    return root


def _make(path: Path, kind: str) -> None:
    if kind == "socket":
        os.chdir(path.parent)  # the path of a socket is short
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    elif kind == "FIFO":
        os.mkfifo(path)
    else:
        what = stat.S_IFCHR if kind.startswith("character") else stat.S_IFBLK
        os.mknod(path, what | 0o600, os.makedev(1, 3))


@pytest.mark.parametrize("kind", MADE)
def test_such_a_thing_in_a_directory_is_told_and_not_opened(
    root: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    (root / "evil").unlink()
    _make(root / "evil", kind)
    _make(root / "more", kind)
    assert [str(finding) for finding in verify(root).findings] == [
        f"evil: type {kind}, the manifest says file",
        "more: is not in the manifest",
    ]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", ["d", "evil"])
def test_rights_in_a_directory_that_nobody_declared_are_told(
    root: Path, path: str, mode: int
) -> None:
    (root / path).chmod(mode)
    (finding,) = verify(root).findings
    assert str(finding) == f"{path}: mode {mode:04o}, the manifest says 0755"
