"""Archives to be verified, sound ones and others, in real folders."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from provisioning.artifact.extract import extract
from provisioning.artifact.verification import verify
from provisioning.errors import ArtifactError

from . import making

if TYPE_CHECKING:
    from collections.abc import Iterator


class Refuse(Protocol):
    def __call__(self, data: bytes) -> list[str]: ...


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """An archive with its sidecars."""
    return making.write_release(tmp_path / "release")


@pytest.fixture
def root(release: Path, tmp_path: Path) -> Path:
    """Where that archive was unpacked."""
    path = tmp_path / "root"
    path.mkdir()
    extract(release, path)
    return path


@pytest.fixture
def findings(tmp_path: Path) -> Refuse:
    """What verifying an archive of these bytes tells; what is wrong with it is never proved."""

    def told(data: bytes) -> list[str]:
        path = tmp_path / making.NAME
        path.write_bytes(data)
        found = [str(finding) for finding in verify(path).findings]
        with suppress(ArtifactError):  # what is not even read to its end
            assert not (found and making.proved(path, making.index_in(data)))
        return found

    return told


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder outside pytest's own, for a test that is not root: root may do everything."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
    os.seteuid(user)
