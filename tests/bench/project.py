"""The project that is measured: a tree, one spec of it, and the edits a developer makes."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from .measure import Command, nothing
from .tools import search_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

TREE = "tree"
DODO = '''\
"""What `doit` builds here."""

from provisioning.plugin import configure, tasks

DOIT_CONFIG = configure()


def task_provisioning():
    """Packages of this project, described in specs/."""
    yield from tasks()
'''
_SPEC = """\
name: bench
version: "1.0"
summary: A tree, and a file made from a template
license: MIT
maintainer: Nobody
platforms: {linux: {formats: [%s]}}
variables: {port: %d}
contents:
  - src: tree/
    dst: lib/
  - template: bench.ini.j2
    dst: etc/bench.ini
"""
_TEMPLATE = "[server]\nport = {{ port }}\n"

# A file that was changed a moment ago must be read again, since its stamp may not tell of a further
# change. Who edits by hand is slower than that.
_A_MOMENT = 0.05  # seconds


def write_all(root: Path, files: Mapping[str, str]) -> None:
    """Write files of text, by their paths below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project with one package, in `root`; rivals put what they make into `out`."""

    root: Path
    out: Path
    home: Path
    format: str = "tar.gz"
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @classmethod
    def below(cls, directory: Path) -> Project:
        """A project in `directory`, empty as yet."""
        project = cls(root=directory / "project", out=directory / "out", home=directory / "home")
        for each in (project.root, project.out, project.home):
            each.mkdir(parents=True)
        return project

    def write(self) -> None:
        """Write all but the tree."""
        files = {"dodo.py": DODO, "bench.ini.j2": _TEMPLATE, "specs/bench.yaml": self._spec(8080)}
        write_all(self.root, files)

    def packed_as(self, name: str) -> Project:
        """The same, whose spec asks for another format from now on."""
        project = replace(self, format=name)
        project.write()
        return project

    def _spec(self, port: int) -> str:
        return _SPEC % (self.format, port)

    @property
    def archive(self) -> Path:
        """What the build makes."""
        return self.root / "artifacts" / "bench-1.0-linux" / f"bench-1.0-linux.{self.format}"

    def files(self) -> list[str]:
        """The files of the tree, relative to the root."""
        walked = os.walk(self.root / TREE)
        found = (os.path.join(top, name) for top, _, names in walked for name in names)
        return sorted(os.path.relpath(path, self.root) for path in found)

    def command(
        self,
        *argv: str,
        before: Callable[[], object] = nothing,
        product: Path | None = None,
    ) -> Command:
        """A command in the project, with a home of its own, so that no cache outlives `forget`."""
        env = {"PATH": search_path(), "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        env["TMPDIR"] = str(self.out)  # dpkg-deb has its data there for a while
        return Command(argv=argv, cwd=self.root, env=env, before=before, product=product)

    def doit(self, *arguments: str, before: Callable[[], object] = nothing) -> Command:
        """`doit` in the project."""
        return self.command(sys.executable, "-m", "doit", *arguments, before=before)

    def package(self, before: Callable[[], object]) -> Command:
        """`doit package` after some edit."""
        argv = (sys.executable, "-m", "doit", "package")
        return self.command(*argv, before=before, product=self.archive)

    def settle(self) -> None:
        """Wait until a stamp would show a further change."""
        time.sleep(_A_MOMENT)

    def forget(self) -> None:
        """Remove all that was built or remembered, and what was added."""
        for directory in (self.root / "artifacts", self.home):
            shutil.rmtree(directory, ignore_errors=True)
        self.home.mkdir()
        for path in (self.root / TREE).glob("added_*"):
            path.unlink()
        self.settle()

    def change(self) -> None:
        """Give one file another last line."""
        path = self.root / self._file(1 / 3)
        kept = path.read_bytes().partition(b"\n# edit ")[0]
        path.write_bytes(kept + b"\n# edit %d\n" % next(self._numbers))
        self.settle()

    def add(self) -> None:
        """Add a file."""
        number = next(self._numbers)
        path = self.root / TREE / f"added_{number:06}.py"
        path.write_text(f"print({number})\n", encoding="utf-8")
        self.settle()

    def change_mode(self) -> None:
        """Make one file executable, or no longer so."""
        path = self.root / self._file(2 / 3)
        path.chmod(path.stat().st_mode ^ 0o111)
        self.settle()

    def change_variable(self) -> None:
        """Give the variable that the template uses another value."""
        spec = self._spec(8080 + next(self._numbers))
        write_all(self.root, {"specs/bench.yaml": spec})
        self.settle()

    def _file(self, part: float) -> str:
        """The same file each time: about that far into the tree."""
        files = [name for name in self.files() if "/added_" not in name]
        return files[int(len(files) * part)]
