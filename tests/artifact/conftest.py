"""Archives to be verified, sound ones and others, in real folders."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from provisioning.artifact.verify import check_archive

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
def findings(tmp_path: Path) -> Refuse:
    """What verifying an archive of these bytes tells."""

    def verify(data: bytes) -> list[str]:
        path = tmp_path / making.NAME
        path.write_bytes(data)
        return [str(finding) for finding in check_archive(path)[1]]

    return verify


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder outside pytest's own, for a test that is not root: root may do everything."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
    os.seteuid(user)
