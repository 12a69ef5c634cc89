"""What is installed from is opened once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provisioning.installer.store.stage import opened

from .making import package

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from provisioning.artifact.model.entry import Entry


def test_what_is_read_is_what_was_opened_whatever_has_its_name_now(tmp_path: Path) -> None:
    path, other = package(tmp_path, "1.4.2"), package(tmp_path, "6.6.6")
    found: dict[str, bytes] = {}

    def write(entry: Entry, blocks: Iterable[bytes]) -> None:
        found[entry.path] = b"".join(blocks)

    with opened(path, None) as source:
        os.replace(other, path)
        source.read(write)
    assert found["VERSION"] == b"1.4.2"
