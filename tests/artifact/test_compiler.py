"""What is compiled for a release is what Python then runs, by each way there is to the source."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import bytecode, compiler

from .making import directory, file, link

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = (
    directory("lib"),
    file("lib/m.py", b"A = 1\n"),
    directory("lib/pkg"),
    file("lib/pkg/__init__.py", b"import m\n"),
    file("lib/pkg/bad.py", b"print 'old'\n"),
    directory("share"),
    file("share/text"),
)
ENTRIES = tuple(item.entry for item in ITEMS)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """The files of `ITEMS`."""
    for entry, content in ITEMS:
        path = tmp_path / "releases/1" / entry.path
        path.mkdir(parents=True) if entry.type == "dir" else path.write_bytes(content)
    return tmp_path / "releases/1"


def compiled(top: Path, into: Path | str, names: str, python: str = sys.executable) -> list[str]:
    """What the program says of some sources."""
    command = [python, "-I", "-S", "-W", "ignore", "-c", bytecode.program(), top, into, "/x", "0"]
    done = subprocess.run(command, input=names, stdout=subprocess.PIPE, text=True, check=True)
    return sorted(done.stdout.splitlines())


def ran(source: Path) -> str:
    """The byte code that Python runs for a source, or the source."""
    code = f"import sys; sys.path.insert(0, {str(source.parent)!r}); import {source.stem}"
    command = [sys.executable, "-I", "-S", "-B", "-v", "-c", code]
    said = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True).stderr
    begins = f"{source.parent}/"
    froms = [line.partition(" from ")[2].strip("'") for line in said.splitlines()]
    (found,) = {each for each in froms if each.startswith(begins) and f"/{source.stem}." in each}
    return found


def test_it_is_what_python_runs(top: Path, tmp_path: Path) -> None:
    names = [entry.path for entry in bytecode.compiled(ENTRIES)]
    assert names == ["lib/m.py", "lib/pkg/__init__.py", "lib/pkg/bad.py"]
    into = tmp_path / "bytecode/1"
    into.mkdir(parents=True)
    (top / ".provisioning").mkdir()
    assert ran(top / "lib/m.py") == str(top / "lib/m.py")
    for path, target in bytecode.ways(ENTRIES, "1").items():
        (top / path).symlink_to(target)
    said = compiled(top, into, "\n".join(names))
    assert said == ["+lib/m.py", "+lib/pkg/__init__.py", "-lib/pkg/bad.py"]
    (tmp_path / "current").symlink_to("releases/1")
    (tmp_path / "releases/1/site-packages").symlink_to("lib")
    for way in ("releases/1/lib", "current/lib", "current/site-packages"):
        name = f"m.{sys.implementation.cache_tag}.pyc"
        assert ran(tmp_path / way / "m.py") == f"{tmp_path / way}/__pycache__/{name}"
    assert (into / "lib" / name).is_file()


def test_links_lead_to_the_byte_code_of_one_release() -> None:
    found = bytecode.ways((*ENTRIES, file("run.py").entry), "1.0-12345678.1")
    assert found == {
        ".provisioning/bytecode": "../../../bytecode/1.0-12345678.1",
        "__pycache__": ".provisioning/bytecode",
        "lib/__pycache__": "../.provisioning/bytecode/lib",
        "lib/pkg/__pycache__": "../../.provisioning/bytecode/lib/pkg",
    }


@pytest.mark.parametrize(
    "entries",
    [
        (file("share/text").entry,),
        (link("lib/m.py", "../m").entry,),
        (directory("m.py").entry,),
        (file("etc/m.py").entry._replace(conffile=True),),
        (file(".provisioning/conffiles/etc/m.py").entry,),
        (*ENTRIES[:2], directory("lib/__pycache__").entry),
    ],
    ids=["text", "link", "directory", "conffile", "stored", "its own"],
)
def test_what_is_not_compiled_has_no_link(entries: tuple[bytecode.Entry, ...]) -> None:
    assert bytecode.ways(entries, "1") == {}


@pytest.mark.needs("root")
def test_whoever_may_not_read_a_source_may_not_read_its_byte_code(
    top: Path, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    into.mkdir()
    os.chown(top / "lib/m.py", 0, 1000)
    (top / "lib/m.py").chmod(0o750)
    os.chown(top / "lib", 1000, 0)
    (top / "lib").chmod(0o710)
    before = os.umask(0)
    try:
        compiled(top, into, "lib/m.py\n")
    finally:
        os.umask(before)
    (made,) = into.glob("lib/*.pyc")
    status = made.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 1000, 0o640)
    status = made.parent.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1000, 0, 0o710)


def test_it_is_compiled_by_time_and_size_whatever_the_environment_says(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    os.utime(top / "lib/m.py", (7, 7))
    compiled(top, tmp_path, "lib/m.py")
    (made,) = tmp_path.glob("lib/*.pyc")
    header = made.read_bytes()[4:16]
    assert [int.from_bytes(header[at : at + 4], "little") for at in (0, 4, 8)] == [0, 7, 6]


def test_beside_a_source_it_has_its_name_at_the_end(
    top: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    named = list[str]()
    (top / "lib/x.py").mkdir()
    paths = [str(top / path) for path in ("lib/m.py", "lib/x.py", "lib/gone.py", "lib/pkg/bad.py")]
    sync, os_sync = os.sync, "sync"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            os, os_sync, lambda: (named.extend(os.listdir(top / "lib/__pycache__")), sync())
        )
        compiler.compile_some(paths, ("", "", ""))
    assert [name.endswith(f".pyc.{os.getpid()}") for name in named] == [True]
    assert [path.suffix for path in top.glob("lib/__pycache__/*")] == [".pyc"]
    assert [line[0] for line in capfd.readouterr().out.splitlines()] == ["+", "-", "-", "-"]


@pytest.mark.needs("root")
def test_a_full_disk_ends_it(top: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "into"
    into.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", into], check=True)
    try:
        (into / "lib").mkdir()
        (into / "filler").write_bytes(bytes(4096))
        compiler.compile_some(["lib/m.py", "lib/pkg/__init__.py"], (str(top), str(into), ""))
    finally:
        subprocess.run(["umount", into], check=True)
    assert capfd.readouterr().out == "!No space left on device\n"


def test_many_sources_are_compiled_by_several(top: Path, tmp_path: Path) -> None:
    names = [f"lib/m{number}.py" for number in range(200)]
    for name in names:
        (top / name).write_text("A = 1\n")
    into = tmp_path / "into"
    into.mkdir()
    assert compiled(top, into, "\n".join(names)) == sorted(f"+{name}" for name in names)
    assert len([*into.glob("lib/*.pyc")]) == 200
