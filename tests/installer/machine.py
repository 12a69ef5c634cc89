"""A machine to install on: a scratch root, and packages to be installed there."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.installer.cli.command_line import main

from .making import package

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

    from tests.artifact.making import Item


class Outcome(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str


class Machine:
    """A scratch root. What is said about it, is said of `/`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir()
        self.prefix = self.root / "opt/greenhouse"
        self._capsys = capsys

    def run(self, *words: str | Path) -> Outcome:
        """Run a command of `provision` on this machine."""
        self._capsys.readouterr()
        code = main([*map(str, words), "--root", str(self.root)])
        out, err = self._capsys.readouterr()
        return Outcome(code, self.named(out), self.named(err))

    def named(self, text: str) -> str:
        """A text with the folders of the test left out."""
        return text.replace(str(self.root), "").replace(f"{self.folder}/", "")

    def asked(self, *words: str) -> Any:
        """What a command says as JSON."""
        return json.loads(self.run(*words, "--json").out)

    def install(
        self, version: str, holding: Sequence[Item] | None = None, *options: str
    ) -> Outcome:
        """Install a version."""
        return self.run("install", package(self.folder, version, holding), *options)

    @property
    def version(self) -> str:
        """The version that is current; "" if none is."""
        path = self.prefix / "current/VERSION"
        return path.read_text() if path.exists() else ""

    def write(self, path: str, text: str) -> None:
        """Edit a file below the prefix, as its user."""
        (self.prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (self.prefix / path).write_text(text)

    def read(self, path: str) -> str | None:
        """What is in a file below the prefix; None if there is none."""
        found = self.prefix / path
        return found.read_text() if os.path.lexists(found) else None

    def releases(self) -> list[str]:
        """The versions of all releases that are there."""
        return sorted(path.name.rpartition("-")[0] for path in self.prefix.glob("releases/*"))


def listing(root: Path) -> dict[str, tuple[str, int, str]]:
    """All that lies below a directory: type, mode, and content or target."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        held = ""
        if stat.S_ISLNK(status.st_mode):
            held = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            held = path.read_bytes().hex()
        mode = stat.S_IMODE(status.st_mode)
        found[str(path.relative_to(root))] = (oct(stat.S_IFMT(status.st_mode)), mode, held)
    return found
