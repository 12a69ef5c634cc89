"""What must come of something hostile: it is refused, by name, soon, in little memory, alone."""

from __future__ import annotations

import itertools
import os
import stat
import time
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import pytest

from provisioning.artifact.extract import extract
from provisioning.artifact.filesystem import open_regular
from provisioning.artifact.formats import reader
from provisioning.artifact.verification import verify
from provisioning.errors import ArtifactError

from . import forms

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 1.0  # of processor time, so that a busy machine is no fault
BYTES = 40_000_000


class Refuse(Protocol):
    def __call__(self, format: str, data: bytes, named: str) -> list[str]: ...


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Where nothing may be written, read or changed: beside the directory that is unpacked into."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "mine").write_text("mine")
    (path / "mine").chmod(0o600)
    return path


@pytest.fixture
def refuse(tmp_path: Path, outside: Path) -> Refuse:
    """Verify an archive of these bytes, and unpack it: both tell what is `named`."""

    count = itertools.count()

    def refused(format: str, data: bytes, named: str) -> list[str]:
        path, into = tmp_path / forms.name_of(format), tmp_path / f"into-{next(count)}"
        path.write_bytes(data)
        into.mkdir()
        before = _state(tmp_path, into)
        found = _verified(path)
        assert [told for told in found if named in told], found
        assert not _is_proved(path, data, format)
        with pytest.raises(ArtifactError):
            extract(path, into)
        assert _state(tmp_path, into) == before
        _demand_harmless(into)
        return found

    return refused


def _verified(path: Path) -> list[str]:
    """What `verify` tells, once in little time and once in little memory."""
    start = time.process_time()
    first = verify(path).findings
    assert time.process_time() - start < SECONDS
    tracemalloc.start()
    try:
        assert verify(path).findings == first
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()
    return [str(finding) for finding in first]


def _is_proved(path: Path, data: bytes, format: str) -> bool:
    """Whether what judges an archive on several processors lets it pass."""
    with suppress(ArtifactError), open_regular(path) as file:
        reading = reader(file, path.name)
        says = forms.tar_index(data, format)
        proving = reading.prover(says and says._replace(archive=path.name))
        return bool(proving and proving(None))
    return False


def _state(root: Path, into: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """All that there is beside `into`, and what it holds."""
    found = {}
    for path in (root, *root.rglob("*")):
        if path != into and into not in path.parents:
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            times = status.st_mtime_ns if path != root else 0
            found[str(path)] = status.st_mode, status.st_nlink, times, content
    return found


def _demand_harmless(into: Path) -> None:
    """What was written before the archive was refused may be there: files and directories."""
    for path in into.rglob("*"):
        status = os.lstat(path)
        assert stat.S_IFMT(status.st_mode) in (stat.S_IFREG, stat.S_IFDIR), path
        assert not status.st_mode & (stat.S_ISUID | stat.S_ISGID), path
        assert status.st_nlink == 1 or stat.S_ISDIR(status.st_mode), path
