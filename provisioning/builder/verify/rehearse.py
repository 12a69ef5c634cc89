"""Rehearses an upgrade in a scratch root, and breaks it at its Nth change to the disk.

For that, this module is a program too, which runs a tool:

    python -I rehearse.py HOW N TOOL [ARGUMENT ...]

HOW is `kill` (SIGKILL, like a power cut or a lack of memory), `disk` (the system
refuses: EIO) or `count`, which breaks nothing; then the last line of standard error says how many
changes there were. They are seen by Python's audit events (sys.addaudithook), on every system
alike: each file that is opened to be written, each name that is made, moved or removed, each mode
and owner that is set.
"""

from __future__ import annotations

import errno
import os
import runpy
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact import contents, filesystem
from provisioning.artifact.difference import view
from provisioning.artifact.extract import extract
from provisioning.artifact.model.entry import TOOL
from provisioning.builder.collect.layout import Layout
from provisioning.builder.verify.reproduce import build_elsewhere
from provisioning.builder.workspace.leftovers import scratch
from provisioning.builder.workspace.output import remove_tree
from provisioning.builder.workspace.paths import Workspace, workspace
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_CHANGES = frozenset(
    f"os.{name}"
    for name in ("chmod", "chown", "link", "mkdir", "remove", "rename", "rmdir", "symlink", "utime")
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class FaultInjector:
    """An audit hook that counts changes to the disk, and makes one fail."""

    def __init__(self, how: str, at: int) -> None:
        self.seen = 0
        self._how, self._at = how, at

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Count an event, and make it fail if it is the one."""
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES
        if not writes and event not in _CHANGES:
            return
        self.seen += 1
        if self.seen != self._at or self._how == "count":
            return
        if self._how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(arguments[0]))


def main() -> None:
    """Run the tool; its exit status is this program's."""
    how, at, tool, *arguments = sys.argv[1:]
    injector = FaultInjector(how, int(at))
    sys.argv = [tool, *arguments]
    sys.addaudithook(injector)
    try:
        runpy.run_path(tool, run_name="__main__")
    finally:
        if how == "count":
            print(injector.seen, file=sys.stderr)


if __name__ == "__main__":
    main()


HOWS = ("kill", "disk")
_GOOD = 0
_PATIENCE = 300  # seconds for one run of the tool
_OWN = ("state", "releases")  # below PREFIX: the installer's own records, which tell what was done


class InjectedFault(NamedTuple):
    """Where an installation was broken, and how."""

    how: str
    """One of HOWS."""
    at: int
    """The number of the change to the disk that did not happen."""


class UpgradeTrial:
    """Upgrades a package from `old` to `new`, both unpacked, in a root below `scratch`."""

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
        """Install the old release, then the new one, and roll back; count the second one's changes.

        Raises:
            BuildError: a step failed.
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

    def broken(self, breaks: Sequence[InjectedFault]) -> Iterator[tuple[InjectedFault, str]]:
        """Break the installation in each way; yield what is wrong afterwards, or ""."""
        for each in breaks:
            self._restart()
            try:
                self._survive(each)
            except BuildError as error:
                yield each, str(error)
            else:
                yield each, ""

    def _survive(self, broken: InjectedFault) -> None:
        done = self._run(broken.how, broken.at, *self._install())
        if "Traceback" in done.stderr:
            raise BuildError(f"a failure is reported by a traceback\n{_said(done)}")
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
            raise BuildError(f"rolling back leaves a different {', '.join(differing[:5])}")

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
        command = [sys.executable, "-I", __file__, how, str(at), str(self._tool), *words]
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
    """The state below `root`, without the installer's records and inactive releases."""
    # guard: root-without-links
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
        return f"{path.stat().st_mode:o} {filesystem.of_file(path)}"
    return f"{path.stat().st_mode:o}"


EARLIER = "0~rehearsal"
"""The version that a package is built in once more where there is no earlier release of it."""
_COPIES = 8  # of the package, in a scratch root and on the way there
_PAGE = 4096  # bytes: what is not filled, and what is known of a file


class RehearsalReport(NamedTuple):
    """The result of a rehearsal: it passed if there are no faults."""

    package: str
    platform: str
    old: str
    new: str
    """Versions."""
    changes: int
    """To the disk, that the installation took."""
    broken: int
    """How many times it was broken on the way."""
    faults: tuple[tuple[InjectedFault, str], ...]


def rehearse(
    layout: Layout, place: Workspace, earlier: Path | None, most: int, step: Callable[[int], object]
) -> RehearsalReport:
    """Install what was built over an `earlier` artifact, in a scratch root, and break it.

    Tries at most `most` points, each in both of HOWS; calls `step` with the number of each.

    Raises:
        BuildError: it was not built, or the upgrade or rollback fails without a fault.
        OSError: something cannot be read or written.
    """
    artifact = next((path for path in place.artifacts if path.exists()), None)
    if artifact is None:
        raise BuildError(f"{place.release}: is not built; run doit package first")
    with place.lock(), scratch(place.work, _COPIES * _room(artifact)) as directory:
        old, new = directory / "old", directory / "new"
        _unpack(artifact, new)
        _unpack(earlier or _earlier(layout, place, directory / "build"), old)
        before, after = (contents.read_manifest(each)[1].package for each in (old, new))
        trial = UpgradeTrial(old, new, after.prefix, directory / "trial")
        changes = trial.changes()
        breaks = [InjectedFault(how, at) for at in some(changes, most) for how in HOWS]
        faults = []
        for number, (each, fault) in enumerate(trial.broken(breaks), 1):
            step(number)
            if fault:
                faults.append((each, fault))
    versions = before.version, after.version
    return RehearsalReport(
        after.name, after.platform, *versions, changes, len(breaks), tuple(faults)
    )


def _room(artifact: Path) -> int:
    """The room that the package takes, as an artifact and unpacked, or more."""
    manifest = view(artifact, str(artifact)).manifest
    unpacked = sum(entry.size + _PAGE for entry in manifest.entries)
    return 2 * unpacked


def _unpack(artifact: Path, into: Path) -> None:
    if artifact.is_dir():
        shutil.copytree(artifact, into, symlinks=True)
        return
    into.mkdir()
    extract(artifact, into)


def _earlier(layout: Layout, place: Workspace, directory: Path) -> Path:
    """Build the same package as a release of an earlier version."""
    variant = layout.variant._replace(version=EARLIER)
    described = workspace(variant, str(directory))
    directory.mkdir()
    again = build_elsewhere(Layout(variant=variant, items=layout.items), described, directory)
    return again.artifact(place.formats[0])
