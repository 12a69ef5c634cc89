"""Many files are read on all processors, and none is believed that was not read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.digest import of_bytes
from provisioning.build import hashing
from provisioning.build.signature import signature
from provisioning.errors import BuildError
from tests.build.conftest import write

if TYPE_CHECKING:
    from provisioning.build.digests import Digests
    from provisioning.build.signature import Signature

MANY = 2500


@pytest.fixture
def files(project: Path) -> list[tuple[str, Signature]]:
    names = [f"t/{number}" for number in range(MANY)]
    for name in names:
        write(name, name)
    return [(name, signature(os.lstat(name))) for name in names]


def test_each_file_has_its_own_digest(files: list[tuple[str, Signature]]) -> None:
    assert list(hashing.read_all(files)) == [of_bytes(name.encode()) for name, _ in files]


def test_what_cannot_be_read_or_has_changed_is_left_out(
    files: list[tuple[str, Signature]],
) -> None:
    Path("t/7").unlink()
    write("t/8", "other")
    Path("t/9").unlink()
    os.mkfifo("t/9")
    read = list(hashing.read_all(files))
    assert [number for number, digest in enumerate(read) if not digest] == [7, 8, 9]


def test_a_process_that_is_killed_leaves_its_files_unread(
    files: list[tuple[str, Signature]], monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, real = os.getpid(), hashing.read_digest

    def deadly(path: str, now: Signature) -> str:
        if path == "t/300" and os.getpid() != parent:
            os.kill(os.getpid(), 9)
        return real(path, now)

    monkeypatch.setattr(hashing, "read_digest", deadly)
    read = list(hashing.read_all(files))
    assert read[300] == ""
    assert read[0] in {"", of_bytes(b"t/0")}


def test_what_was_learnt_is_not_read_again(
    digests: Digests, files: list[tuple[str, Signature]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, _ in files:
        os.utime(name)  # and so stamped anew, all of them before the next file
    write("later")
    while os.stat("later").st_ctime_ns - os.stat(files[-1][0]).st_ctime_ns < 100_000_000:
        Path("later").touch()
    seen = [(name, signature(os.lstat(name))) for name, _ in files]
    digests.learn(seen)
    monkeypatch.setattr("provisioning.build.digests.read_digest", None)
    assert [digests.hold(*each).digest for each in seen] == [
        of_bytes(name.encode()) for name, _ in seen
    ]


def test_what_could_not_be_learnt_is_told_when_it_is_asked_for(
    digests: Digests, files: list[tuple[str, Signature]]
) -> None:
    Path("t/7").unlink()
    write("t/8", "other")
    digests.learn(files)
    with pytest.raises(FileNotFoundError):
        digests.hold(*files[7])
    with pytest.raises(BuildError, match="t/8: changed while it was read"):
        digests.hold(*files[8])
