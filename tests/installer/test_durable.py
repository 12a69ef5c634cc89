"""What lies below a directory, and how it is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.installer.store.durable import Directory, Owned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FAULTY: dict[str, Callable[[Directory], object]] = {
    "none/file": lambda root: root.write("none/file", b"", Owned(0o644)),
    "none/link": lambda root: root.link("none/link", "there"),
    "none/directory": lambda root: root.make("none/directory", Owned(0o755)),
    "none/moved": lambda root: root.move("none/moved", "none/to"),
    "none": lambda root: root.temporary("none"),
    "full": lambda root: root.remove("full"),
    "full/x": lambda root: root.opened("full/x").__enter__(),
    "full/x" + "y" * 256: lambda root: root.link("full/x" + "y" * 256, "there"),
}


@pytest.mark.parametrize("path", FAULTY)
def test_a_fault_names_the_whole_path(tmp_path: Path, path: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    with Directory(tmp_path) as root, root.opened("") as opened:
        for each in (root, Directory(opened, "", tmp_path)):
            with each, pytest.raises(OSError, match=str(tmp_path / path)):
                FAULTY[path](each)
