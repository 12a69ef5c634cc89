"""Knows how an installation is tried in a scratch root, and broken on the way, before a target is.

What installs is the tool that the package itself brings along. It is run as a program: nothing of
it is known here but its command line and what PREFIX looks like.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import digest
from provisioning.artifact.path import TOOL
from provisioning.build import breaking
from provisioning.build.remove import remove_tree
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HOWS = ("kill", "disk")
_GOOD = 0
_PATIENCE = 300  # seconds for one run of the tool
_OWN = ("state", "releases")  # below PREFIX: the installer's own records, which tell what was done


class Break(NamedTuple):
    """Where an installation was broken, and how."""

    how: str
    """One of HOWS."""
    at: int
    """The number of the change to the disk that did not happen."""


class Trial:
    """One package in two releases, unpacked in `old` and `new`; the rest is below `scratch`."""

    def __init__(self, old: Path, new: Path, prefix: str, scratch: Path) -> None:
        self._old, self._new = old, new
        self._prefix = prefix
        self._before = scratch / "before"
        self._root = scratch / "root"
        self._tool = scratch / "tool"
        scratch.mkdir()
        # Taken apart: Python then keeps what it compiles, and each of many runs begins at once.
        with zipfile.ZipFile(new / TOOL) as tool:
            tool.extractall(self._tool)

    def changes(self) -> int:
        """Install the old release, then the new one, and go back: how many changes the second took.

        Raises:
            BuildError: telling which step did not do what it should.
        """
        self._before.mkdir()
        self._demand("install", self._old, root=self._before)
        self._picture = _picture(self._before, self._prefix)
        self._restart()
        counted = self._run("count", 0, *self._install())
        if counted.returncode != _GOOD:
            raise BuildError(f"the new release cannot be installed\n{_said(counted)}")
        self._demand_new_and_back()
        return int(counted.stderr.split()[-1])

    def broken(self, breaks: Sequence[Break]) -> Iterator[tuple[Break, str]]:
        """Break the installation in each of these ways, and tell what is wrong then, or ""."""
        for each in breaks:
            self._restart()
            try:
                self._survive(each)
            except BuildError as error:
                yield each, str(error)
            else:
                yield each, ""

    def _survive(self, broken: Break) -> None:
        done = self._run(broken.how, broken.at, *self._install())
        if "Traceback" in done.stderr:
            raise BuildError(f"a failure is not told in words\n{_said(done)}")
        self._demand("recover", root=self._root)
        self._demand("verify", root=self._root)
        self._demand("install", self._new, "--allow-downgrade", root=self._root)
        self._demand_new_and_back()

    def _demand_new_and_back(self) -> None:
        self._demand("verify", root=self._root)
        self._demand("rollback", root=self._root)
        found = _picture(self._root, self._prefix)
        differing = sorted(dict(found.items() ^ self._picture.items()))
        if differing:
            raise BuildError(f"going back leaves another {', '.join(differing[:5])}")

    def _restart(self) -> None:
        remove_tree(self._root)
        shutil.copytree(self._before, self._root, symlinks=True)

    def _install(self) -> tuple[str, ...]:
        return ("install", str(self._new), "--allow-downgrade", "--root", str(self._root))

    def _demand(self, command: str, *words: Path | str, root: Path) -> None:
        name = () if command == "install" else (self._prefix,)
        done = self._run("none", 0, command, *map(str, (*words, *name)), "--root", str(root))
        if done.returncode != _GOOD:
            raise BuildError(f"{command} fails with exit status {done.returncode}\n{_said(done)}")

    def _run(self, how: str, at: int, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", breaking.__file__, how, str(at), str(self._tool), *words]
        return subprocess.run(  # noqa: S603 - the package's own tool
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=_PATIENCE,
        )


def some(count: int, most: int) -> list[int]:
    """At most `most` of the numbers from 1 to `count`, evenly spread, the last among them."""
    if count <= most:
        return list(range(1, count + 1))
    return sorted({count - number * count // most for number in range(most)})


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-5:])


def _picture(root: Path, prefix: str) -> dict[str, str]:
    """What lies below `root`, but for the installer's records, and for releases that do not run."""
    root = Path(os.path.realpath(root))  # as the place of what `current` leads to will be told
    own = tuple(f"{prefix.strip('/')}/{name}" for name in _OWN)
    current = os.path.realpath(root / prefix.strip("/") / "current")
    places = [path for path in sorted(root.rglob("*")) if not _is_below(path, root, own)]
    places += sorted(Path(current).rglob("*"))
    return {str(path.relative_to(root)): _shown(path) for path in places}


def _is_below(path: Path, root: Path, names: Sequence[str]) -> bool:
    relative = str(path.relative_to(root))
    # `previous` tells what was there before, which is another release after going back.
    return relative.endswith("/previous") or any(f"{relative}/".startswith(f"{n}/") for n in names)


def _shown(path: Path) -> str:
    if path.is_symlink():
        return f"link to {os.readlink(path)}"
    if path.is_file():
        return f"{path.stat().st_mode:o} {digest.of_file(path)}"
    return f"{path.stat().st_mode:o}"
