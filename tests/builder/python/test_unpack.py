"""Wheels that are unpacked into the cache, and those that are refused whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from provisioning.builder.python import wheel_cache
from provisioning.builder.python.unpack import unpack
from provisioning.errors import BuildError
from provisioning.spec.model.variant import Wheel
from tests.conftest import soon
from tests.waiting import wait_until
from tests.wheels import MadeWheel, record_of, wheel, zipped

if TYPE_CHECKING:
    from pathlib import Path

INFO = "greet-1.0.dist-info"
MODULE = ("greet/__init__.py", b"A = 1\n")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONING_CACHE", str(tmp_path / "cache"))


def told(made: MadeWheel) -> Wheel:
    return Wheel(made.name, made.version, made.file, made.digest, "", f"wheels/{made.file}")


def unpacked(made: MadeWheel, tmp_path: Path) -> wheel_cache.Unpacked:
    unpack(told(made), made.put(tmp_path))
    return wheel_cache.recall(told(made))


def refusal(made: MadeWheel, tmp_path: Path) -> str:
    """Why a wheel is refused, of which nothing is in the cache then."""
    with soon(), pytest.raises(BuildError) as fault:
        unpack(told(made), made.put(tmp_path))
    assert str(fault.value).startswith(f"{made.file}: ")
    assert not wheel_cache.is_unpacked(told(made))
    assert list((tmp_path / "cache").glob("wheels/*")) == []
    return str(fault.value)


def test_it_says_what_a_wheel_holds(tmp_path: Path) -> None:
    data = "greet-1.0.data"
    files = {
        "greet/__init__.py": "",
        "greet/tool": "#!/bin/sh\n",
        f"{data}/purelib/extra.py": "",
        f"{data}/platlib/more.py": "",
        f"{data}/data/share/greet.txt": "hello",
        f"{data}/scripts/greet-now": "#!python\n",
        f"{data}/headers/greet.h": "",
        "greet/__pycache__/old.cpython-311.pyc": "",
    }
    modes = {"greet/tool": 0o100755}
    made = wheel(files=files, modes=modes, scripts={"greet": "greet:main"})
    held = unpacked(made, tmp_path)
    found = {(each.scheme, each.path): each.executable for each in held.files}
    info = {("site", f"{INFO}/{name}"): False for name in ("METADATA", "WHEEL", "RECORD")}
    assert found == {
        **info,
        ("site", f"{INFO}/entry_points.txt"): False,
        ("site", "greet/__init__.py"): False,
        ("site", "greet/tool"): True,
        ("site", "extra.py"): False,
        ("site", "more.py"): False,
        ("data", "share/greet.txt"): False,
        ("scripts", "greet-now"): True,
    }
    assert held.entry_points == (("greet", "greet:main"),)
    modes_there = {os.stat(held.source(each)).st_mode & 0o777 for each in held.files}
    assert modes_there == {0o644, 0o755}


def test_a_content_that_is_not_what_its_record_says(tmp_path: Path) -> None:
    record = record_of([MODULE, (f"{INFO}/METADATA", b""), (f"{INFO}/WHEEL", b"")], INFO)
    text = refusal(wheel(files={"greet/__init__.py": "A = 2\n"}, record=record), tmp_path)
    assert "hash / size of greet/__init__.py didn't match RECORD" in text
    assert f"{INFO}/METADATA" in text  # all at once


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil.py", "leaves the package"),
        ("greet/../../evil.py", "leaves the package"),
        ("/etc/evil.py", "/etc/evil.py"),
        ("greet//evil.py", "greet//evil.py"),
        ("greet\\evil.py", "evil.py"),
        ("greet/evil\x1b[31m.py", "evil"),
        ("GREET/__init__.py", "on a Mac"),
        ("greet-1.0.data/evil.py", "greet-1.0.data/evil.py is for no place that wheels have"),
        ("greet-1.0.data/purelib", "greet-1.0.data/purelib is for no place that wheels have"),
        ("greet-1.0.data", "greet-1.0.data is for no place that wheels have"),
        ("greet-1.0.data/etc/evil", "greet-1.0.data/etc/evil is for no place that wheels have"),
        ("greet-1.0.data/../../evil", "leaves the package"),
        ("greet-1.0.data/purelib/greet/__init__.py", "greet/__init__.py"),
        ("greet-1.0.data/purelib/greet", "greet"),
        ("greet/__init__.py/below", "greet/__init__.py"),
    ],
)
def test_a_name_that_no_package_can_have(name: str, reason: str, tmp_path: Path) -> None:
    text = refusal(wheel(files={MODULE[0]: MODULE[1], name: "bad"}), tmp_path)
    assert reason in text
    assert "\x1b" not in text
    assert not (tmp_path / "evil.py").exists()


def test_a_symbolic_link(tmp_path: Path) -> None:
    files = {MODULE[0]: MODULE[1], "greet/link": "/etc/passwd"}
    text = refusal(wheel(files=files, modes={"greet/link": 0o120777}), tmp_path)
    assert "greet/link is a symbolic link" in text


def test_a_file_that_is_not_in_the_record(tmp_path: Path) -> None:
    text = refusal(wheel(unrecorded=[("greet/extra.py", b"")]), tmp_path)
    assert "greet/extra.py is not mentioned in RECORD" in text


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(tmp_path: Path) -> None:
    files = {MODULE[0]: MODULE[1]}
    text = refusal(wheel(files=files, unrecorded=[MODULE]), tmp_path)
    assert "greet/__init__.py is there twice" in text


def test_a_wheel_without_dist_info_or_with_two(tmp_path: Path) -> None:
    bare = MadeWheel("greet-1.0-py3-none-any.whl", zipped([MODULE], {}))
    assert "exactly one .dist-info directory" in refusal(bare, tmp_path)
    two = wheel(files={MODULE[0]: MODULE[1], "other-2.dist-info/METADATA": ""})
    assert "exactly one .dist-info directory" in refusal(two, tmp_path)


def test_what_is_no_zip_or_a_damaged_one(tmp_path: Path) -> None:
    sound = wheel(files={"greet/__init__.py": "A = 1\n" * 100})
    for data in (b"", b"<html>no</html>", sound.data[: len(sound.data) // 2]):
        assert "not a sound wheel" in refusal(MadeWheel(sound.file, data), tmp_path)
    damaged = bytearray(sound.data)
    damaged[60] ^= 1
    assert "not a sound wheel" in refusal(MadeWheel(sound.file, bytes(damaged)), tmp_path)


def test_a_member_that_cannot_be_read(tmp_path: Path) -> None:
    sound = wheel()
    for at, bits in ((6, 1), (8, 99)):  # encrypted; a method of compression that nobody has
        data = bytearray(sound.data)
        central = data.index(b"PK\x01\x02")
        data[at] |= bits
        data[central + at + 2] |= bits
        assert "not a sound wheel" in refusal(MadeWheel(sound.file, bytes(data)), tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("entry_points.txt", "no section\n"),
        ("entry_points.txt", "[console_scripts]\na\n"),
        ("entry_points.txt", "[console_scripts]\na = b\na = c\n"),
        ("entry_points.txt", "[console_scripts]\na = not a call\n"),
    ],
)
def test_entry_points_that_nobody_can_read(file: str, text: str, tmp_path: Path) -> None:
    made = wheel(files={MODULE[0]: MODULE[1], f"{INFO}/{file}": text})
    assert "not a sound wheel" in refusal(made, tmp_path)


@pytest.mark.parametrize("record", ["", "greet,a,b,c\n", '"\n', "greet/__init__.py,md9=x,1\n"])
def test_a_record_that_nobody_can_read(record: str, tmp_path: Path) -> None:
    refusal(wheel(record=record), tmp_path)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"Name: other\nVersion: 1.0\n", "its METADATA says that it is other, and not greet"),
        (b"Name: Greet\nVersion: 1.1\n", "says that it is Greet 1.1, and not 1.0"),
        (b"", "its METADATA says that it is , and not greet"),
        (b"Name: GREET\nVersion: 1.0.0\n", ""),
    ],
)
def test_a_wheel_of_another_project_or_version(tmp_path: Path, said: bytes, told: str) -> None:
    wheel_said = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    members = [MODULE, (f"{INFO}/METADATA", said), (f"{INFO}/WHEEL", wheel_said)]
    members.append((f"{INFO}/RECORD", record_of(members, INFO)))
    made = MadeWheel("greet-1.0-py3-none-any.whl", zipped(members, {}))
    if told:
        assert told in refusal(made, tmp_path)
    else:
        assert unpacked(made, tmp_path).files


def test_a_wheel_that_would_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioning.builder.python.unpack._LARGEST", 10)
    assert "it has 0 GiB unpacked, and at most 0 are taken" in refusal(wheel(), tmp_path)


def test_a_wheel_of_a_later_format(tmp_path: Path) -> None:
    said = b"Name: greet\nVersion: 1.0\n"
    info = [(f"{INFO}/METADATA", said), (f"{INFO}/WHEEL", b"Wheel-Version: 2.0\n")]
    members = [MODULE, *info, (f"{INFO}/RECORD", record_of([MODULE, *info], INFO))]
    made = MadeWheel("greet-1.0-py3-none-any.whl", zipped(members, {}))
    assert "Incompatible Wheel-Version 2.0" in refusal(made, tmp_path)


def test_the_bytes_do_not_depend_on_who_unpacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = wheel(scripts={"greet": "greet:main"})
    first = unpacked(made, tmp_path)
    monkeypatch.setenv("PROVISIONING_CACHE", str(tmp_path / "other"))
    before = os.umask(0o077)
    try:
        second = unpacked(made, tmp_path)
    finally:
        os.umask(before)
    assert first[1:] == second[1:]
    assert first.directory != second.directory
    modes = [os.stat(each.source(file)).st_mode for each in (first, second) for file in each.files]
    assert set(modes) == {0o100644}


_SLOW = """
import sys, time
from pathlib import Path
from provisioning.builder.python import unpack
from provisioning.spec.model.variant import Wheel
write = unpack._Destination._write
def slow(self, *args, **kwargs):
    write(self, *args, **kwargs)
    Path(sys.argv[1]).touch()
    time.sleep(60)
unpack._Destination._write = slow
file = Path(sys.argv[2])
unpack.unpack(Wheel("greet", "1.0", file.name, sys.argv[3], "", ""), file)
"""


def test_a_kill_leaves_nothing_that_counts_and_is_swept(tmp_path: Path) -> None:
    made = wheel()
    file, began = made.put(tmp_path), tmp_path / "began"
    command = [sys.executable, "-c", _SLOW, str(began), str(file), made.digest]
    with subprocess.Popen(command) as process:
        wait_until(began.exists)
        process.send_signal(signal.SIGKILL)
    assert not wheel_cache.is_unpacked(told(made))
    (left,) = wheel_cache.directory_of(told(made)).parent.iterdir()
    long_ago = time.time() - 7200
    os.utime(left, (long_ago, long_ago))
    held = unpacked(made, tmp_path)
    assert os.listdir(os.path.dirname(held.directory)) == [made.digest]


def test_what_is_half_there_is_replaced(tmp_path: Path) -> None:
    made = wheel()
    (wheel_cache.directory_of(told(made)) / "files/site/greet").mkdir(parents=True)
    assert unpacked(made, tmp_path).files
    with zipfile.ZipFile(made.put(tmp_path)) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    assert {each.path for each in wheel_cache.recall(told(made)).files} == names
