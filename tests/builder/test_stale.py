from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from provisioning.builder.workspace import leftovers
from provisioning.builder.workspace.paths import Workspace, workspace
from tests.builder.conftest import variant


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Where demo 1.0 is built for a raspberry-pi; nothing of it is there."""
    monkeypatch.chdir(tmp_path)
    return workspace(variant(), "artifacts")


def leave(path: str) -> Path:
    left = Path("artifacts", path)
    left.parent.mkdir(parents=True, exist_ok=True)
    left.touch()
    return left


def built_once(name: str, platform: str = "raspberry-pi") -> Path:
    """The lock of a variant that was built here."""
    return leave(f".work/{name}/{platform}.lock")


def sweep(place: Workspace) -> None:
    """What the first archive stage of a process does."""
    leftovers._swept.clear()
    with place.lock():
        leftovers.sweep(place)


@pytest.mark.parametrize(
    "name",
    [
        "demo-0.9-raspberry-pi/.demo-0.9-raspberry-pi.tar.gz.12.tmp",
        "demo-0.9-raspberry-pi/.demo-0.9-raspberry-pi.zip.12.tmp",
        "demo-0.9-raspberry-pi/.demo_0.9_arm64.deb.12.tmp",
        "demo-0.9-raspberry-pi/.demo.12.tmp/lib/main.py",
        "demo-0.9-raspberry-pi/.demo.12.old.tmp/lib/main.py",
        "demo-0.9-raspberry-pi/.SHA256SUMS.12.tmp",
        "demo-0.9-raspberry-pi/.demo-0.9-raspberry-pi.provenance.json.12.tmp",
        "gone-1.0-mac-mini/.gone-1.0-mac-mini.tar.gz.12.tmp",
        "gone-1.0-mac-mini/.gone_1.0_amd64.deb.12.tmp",
    ],
)
def test_what_was_left_of_a_release_that_nobody_builds_again_goes(
    place: Workspace, name: str
) -> None:
    built_once("gone", "mac-mini")
    leave(name)
    sweep(place)
    assert os.listdir("artifacts") == [".work"]


def test_what_a_release_holds_stays(place: Workspace) -> None:
    kept = [leave(f"demo-0.9-raspberry-pi/{name}") for name in ("SHA256SUMS", ".mine.12.tmp")]
    kept.append(leave("mine/.demo-0.9-raspberry-pi.tar.gz.12.tmp"))
    leave("demo-0.9-raspberry-pi/.SHA256SUMS.12.tmp")
    sweep(place)
    assert [path.exists() for path in kept] == [True, True, True]
    assert sorted(os.listdir("artifacts/demo-0.9-raspberry-pi")) == [".mine.12.tmp", "SHA256SUMS"]


def test_what_another_may_be_at_work_on_stays(place: Workspace) -> None:
    """The release may be of `demo`, in version `x-1.0`, or of `demo-x`."""
    left = leave("demo-x-1.0-raspberry-pi/.demo-x-1.0-raspberry-pi.tar.gz.12.tmp")
    with open(built_once("demo-x")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sweep(place)
        assert left.exists()
    sweep(place)
    assert not left.exists()


def test_others_are_looked_at_once_in_a_process(place: Workspace) -> None:
    built_once("gone", "mac-mini")
    sweep(place)
    left = leave("gone-1.0-mac-mini/.gone-1.0-mac-mini.tar.gz.12.tmp")
    own = leave("demo-1.0-raspberry-pi/.demo-1.0-raspberry-pi.tar.gz.12.tmp")
    with place.lock():
        leftovers.sweep(place)
    assert (left.exists(), own.exists()) == (True, False)


def unpack(work: Path) -> list[Path]:
    """Where packages were unpacked by runs that were killed."""
    work.mkdir(parents=True)
    unpacked = [leftovers._named(leftovers._MEMORY, work), work / "scratch"]
    for directory in unpacked:
        directory.mkdir()
        (directory / "file").touch()
    return unpacked


def test_what_was_unpacked_for_another_variant_goes(place: Workspace) -> None:
    built_once("gone")
    unpacked = unpack(Path("artifacts/.work/gone/raspberry-pi"))
    sweep(place)
    assert [path.exists() for path in unpacked] == [False, False]


def test_of_a_process_of_this_run_all_goes_at_once(place: Workspace) -> None:
    built_once("demo")
    unpacked = unpack(place.work)
    kept = [leave(f"demo-1.0-raspberry-pi/{name}") for name in ("demo/.x.12.tmp", ".y.13.tmp")]
    for name in (
        "demo-1.0-raspberry-pi/.demo-1.0-raspberry-pi.tar.gz.12.tmp",
        "demo-1.0-raspberry-pi/.demo.12.old.tmp/lib/main.py",
        f".work/chunks/.{'a' * 64}.12-3456.tmp",
        ".work/.seen.12.tmp",
        ".work/demo/raspberry-pi/.collect.json.12.tmp",
        ".work/demo/raspberry-pi/render/etc/.demo.ini.12.tmp",
    ):
        leave(name)
    leftovers.sweep_of(Path("artifacts"), [12])
    left = [path for path in Path("artifacts").rglob(".*.tmp") if not path.is_dir()]
    assert sorted(left) == sorted(kept)
    assert [path.exists() for path in unpacked] == [False, False]
