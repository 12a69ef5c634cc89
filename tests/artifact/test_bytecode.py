"""What Python leaves beside sources is told from what anybody else has put there."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.bytecode import Beside
from provisioning.artifact.contents import DirectoryReader, compare
from provisioning.artifact.difference import view
from provisioning.artifact.extract import TreeWriter
from provisioning.artifact.filesystem import Descent
from provisioning.artifact.model.entry import DIR, FILE, LINK, Entry
from provisioning.artifact.model.manifest import Manifest
from provisioning.artifact.tar.archive import reserved

from .making import PACKAGE, directory, file, link, manifest_of

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = (
    directory("lib"),
    directory("lib/pkg"),
    file("lib/pkg/__init__.py"),
    file("lib/pkg/a.b.py"),
    link("lib/pkg/linked.py", "m.py"),
    file("lib/pkg/m.py", b"import top\n"),
    file("lib/top.py"),
    file("top.py"),
)
ENTRIES = [item.entry for item in ITEMS]
BESIDE = Beside(ENTRIES)


def found(path: str, kind: str = FILE) -> Entry:
    return Entry(path, kind, 0o644, "0", "0")


@pytest.mark.parametrize(
    "path",
    [
        "__pycache__/top.cpython-311.pyc",
        "lib/pkg/__pycache__/m.cpython-39.pyc",
        "lib/pkg/__pycache__/m.cpython-311.opt-1.pyc",
        "lib/pkg/__pycache__/m.pypy310.pyc",
        "lib/pkg/__pycache__/m.graalpy242-311-native.pyc",
        "lib/pkg/__pycache__/a.b.cpython-311.pyc",
        "lib/pkg/__pycache__/linked.cpython-311.pyc",
        "lib/pkg/__pycache__/m.cpython-311.pyc.140234567890",  # of one that was killed
    ],
)
def test_byte_code_of_a_source_is_known(path: str) -> None:
    assert found(path) in BESIDE
    assert found(path.rpartition("/")[0], DIR) in BESIDE


@pytest.mark.parametrize(
    "path", ["top.pyc", "lib/pkg/m.pyc", "lib/pkg/a.b.pyc", "lib/pkg/linked.pyc", "lib/top.pyc.77"]
)
def test_so_is_what_compileall_leaves_beside_it(path: str) -> None:
    assert found(path) in BESIDE
    assert found(path.rpartition("/")[0], DIR) not in BESIDE


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("lib/pkg/__pycache__/n.cpython-311.pyc", FILE),  # of no source
        ("lib/pkg/__pycache__/m.cpython-311.pyc", LINK),
        ("lib/pkg/__pycache__/m.cpython-311.pyc", DIR),
        ("lib/pkg/__pycache__/m.py", FILE),
        ("lib/pkg/__pycache__/m.pyc", FILE),
        ("lib/pkg/__pycache__/m.cpython-311.so", FILE),
        ("lib/pkg/n.pyc", FILE),  # which Python would read: there is no source
        ("lib/pkg/m.pyc", LINK),
        ("lib/pkg/m.pyc", DIR),
        ("lib/pkg/m.pyo", FILE),
        ("lib/pkg/a.pyc", FILE),
        ("bin/m.pyc", FILE),
        ("lib/pkg/m.cpython-311.pyc", FILE),
        ("bin/__pycache__", DIR),  # beside no source
        ("lib/pkg/__pycache__/__pycache__", DIR),
        ("lib/pkg/__pycache__", FILE),
        ("lib/pkg/__pycache__", LINK),
        ("lib/pkg/m.py", FILE),
    ],
)
def test_nothing_else_is(path: str, kind: str) -> None:
    assert found(path, kind) not in BESIDE


def test_what_the_package_itself_brings_is_its_own() -> None:
    brought = [found("lib/__pycache__", DIR), found("lib/__pycache__/top.cpython-311.pyc")]
    for own in (brought, [found("lib/top.pyc")]):
        beside = Beside([*ENTRIES, *own])
        assert beside.brings_its_own
        assert not any(each in beside for each in own)
        assert found("lib/__pycache__/top.cpython-312.pyc") in beside
    assert not BESIDE.brings_its_own


def unpacked(into: Path) -> Path:
    """The package, unpacked, after its modules were imported, and with some flags."""
    data = manifest_of(ITEMS)
    into.mkdir()
    entries = (*reserved(data), *ENTRIES)
    with TreeWriter(into, entries) as writer:
        writer.write(entries[1], [data])
        for entry, content in ITEMS:
            if entry.type == FILE:
                writer.write(entry, [content])
        writer.finish()
    for flags in ([], ["-O"], ["-OO"]):
        command = [sys.executable, *flags, "-c", "import pkg.m, pkg.linked"]
        subprocess.run(command, check=True, env={"PYTHONPATH": str(into / "lib")})
    subprocess.run([sys.executable, "-m", "compileall", "-qb", str(into / "lib")], check=True)
    return into


def test_what_python_really_leaves_is_no_difference(tmp_path: Path) -> None:
    root = unpacked(tmp_path / "greenhouse")
    compared = compare(Manifest(PACKAGE, tuple(ENTRIES)), root)
    assert compared.findings == ()
    left = {str(path.relative_to(root)) for path in root.rglob("*") if "pyc" in str(path)}
    assert set(compared.byte_code) == left
    assert len(left) == 2 + 3 * 4 + 5  # directories, modules by levels, beside
    assert [*DirectoryReader(root).findings()] == []
    assert view(root, "it").contents(["lib/pkg/m.py"]) == {"lib/pkg/m.py": b"import top\n"}


def test_all_of_it_is_found_where_it_lies(tmp_path: Path) -> None:
    root = unpacked(tmp_path / "greenhouse")
    for strange in ("lib/__pycache__/strange", "lib/strange.pyc"):
        (root / strange).touch()
    with Descent(root) as opened:
        below = [entry.path for entry in BESIDE.below(opened)]
    assert sorted(below) == [*compare(Manifest(PACKAGE, tuple(ENTRIES)), root).byte_code]
    assert below[-1] == "lib/pkg/__pycache__"


def test_what_lies_in_its_place_is_a_difference(tmp_path: Path) -> None:
    root = unpacked(tmp_path / "greenhouse")
    (root / "lib/__pycache__/strange").touch()
    (root / "__pycache__").symlink_to("lib/__pycache__")
    compared = compare(Manifest(PACKAGE, tuple(ENTRIES)), root)
    strange = ["__pycache__", "lib/__pycache__/strange"]
    assert [finding.path for finding in compared.findings] == strange
    assert sorted(finding.path for finding in DirectoryReader(root).findings()) == strange
