from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from provisioning.builder.workspace import output


def test_a_file_appears_whole_when_the_block_ends() -> None:
    with output.replacing() as made:
        made.file(Path("deep/a")).write(b"text")
        assert not Path("deep/a").exists()
    assert Path("deep/a").read_bytes() == b"text"


def _fail_halfway(*paths: Path) -> None:
    with output.replacing() as made:
        for path in paths:
            made.file(path).write(b"new")
        raise RuntimeError


def test_a_failure_leaves_the_old_files_and_nothing_else() -> None:
    output.write(Path("a"), b"old")
    with pytest.raises(RuntimeError):
        _fail_halfway(Path("a"), Path("b"))
    assert Path("a").read_bytes() == b"old"
    assert os.listdir() == ["a"]


def test_an_error_names_the_file_that_was_meant() -> None:
    Path("a").mkdir()
    with pytest.raises(OSError, match="directory") as caught:
        output.write(Path("a"), b"text")
    assert caught.value.filename == "a"


def _fill_the_disk(path: Path) -> None:
    with output.replacing() as made:
        made.file(path)
        raise OSError(28, "No space left on device")


def test_an_error_of_the_disk_names_the_file_too() -> None:
    with pytest.raises(OSError, match="space") as caught:
        _fill_the_disk(Path("a"))
    assert caught.value.filename == "a"


def test_files_get_the_mode_that_the_umask_leaves() -> None:
    output.write(Path("a"), b"")
    umask = os.umask(0)
    os.umask(umask)
    assert Path("a").stat().st_mode & 0o777 == 0o666 & ~umask


def test_what_killed_builds_left_is_swept_and_nothing_else() -> None:
    Path("a-1.0-x").mkdir()
    for name in (".a-1.0-x.tar.gz.123.tmp", "a-1.0-x.tar.gz", ".hidden", ".other.tmp"):
        Path("a-1.0-x", name).touch()
    output.sweep(Path("a-1.0-x"), ["a-1.0-x.tar.gz"])
    assert sorted(os.listdir("a-1.0-x")) == [".hidden", ".other.tmp", "a-1.0-x.tar.gz"]


def test_what_no_lock_guards_is_swept_once_it_is_old() -> None:
    for name in (".a.12.tmp", ".a.34.tmp", ".ab.12.tmp", "a", ".a"):
        Path(name).touch()
        os.utime(name, (0, 0))
    Path(".a.34.tmp").touch()  # somebody is at work on it
    output.sweep_old(Path("a"))
    assert sorted(os.listdir()) == [".a", ".a.34.tmp", ".ab.12.tmp", "a"]


def test_nothing_is_written_through_a_link() -> None:
    Path("elsewhere").write_text("old")
    os.symlink("elsewhere", f".a.{os.getpid()}.tmp")
    with pytest.raises(OSError, match="symbolic links"):
        output.write(Path("a"), b"new")
    assert Path("elsewhere").read_text() == "old"


def test_what_takes_its_name_is_on_the_disk() -> None:
    code = (
        "from pathlib import Path; from provisioning.builder.workspace import output;"
        " output.write(Path('made/a'), b'text')"
    )
    trace = ["strace", "-y", "-o", "log", "-e", "trace=fsync,rename"]
    subprocess.run([*trace, sys.executable, "-c", code], check=True)
    calls = [line for line in Path("log").read_text().splitlines() if "made" in line]
    assert [call.partition("(")[0] for call in calls] == ["fsync", "rename", "fsync"]
    assert ".tmp>" in calls[0]
    assert "/made>" in calls[2]
