"""Compiles a release before it runs, into a directory beside it that it alone reads.

Nothing of the byte code is needed: what prevents it is a note. Python looks at the source, too,
before it uses byte code.
"""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import bytecode, pythons
from provisioning.artifact.bytecode import Beside, place_of
from provisioning.artifact.compiler import FAULTY, STOPPED
from provisioning.artifact.filesystem import MIB, Descent, reason
from provisioning.artifact.model.entry import DIR, UNCOMPILED, shown
from provisioning.artifact.model.package import words
from provisioning.artifact.model.placement import BYTECODE, CURRENT
from provisioning.errors import RefusedError, TargetError
from provisioning.installer.services.hooks import PATH
from provisioning.installer.services.subprocesses import UMASK
from provisioning.installer.store import releases
from provisioning.installer.store.durable import Owned, settle, sync_below
from provisioning.installer.store.owners import doubt_about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

    from provisioning.artifact.model.entry import Entry
    from provisioning.console import Console
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

SECONDS = 600
"""The time for a release: a service that starts cold takes less."""

_OPEN = Owned(0o755)
_PYTHON = re.compile(r"python3?(?:\.\d+)?")
_LONGEST_LINE = 256  # of a script, which names its interpreter
_BLOCK = 64 * 1024
_ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
_SLOWER = "until that is done, each start compiles what it imports"


def prepare(home: Home, release: Release, console: Console) -> None:
    """Compile the sources of a release, unless that was done.

    In a rehearsal it is not: the machine that starts from that disk has another Python. Nor where
    others can write, from where root runs nothing either: see `demand_ready` of lifecycle.py.
    """
    entries = release.layout.release
    sources = bytecode.compiled(entries) if bytecode.ways(entries, release.name) else ()
    is_there = home.directory.is_directory(place_of(release.name))
    if not sources or is_there or home.is_rehearsal:
        return
    if doubt_about(home, ""):  # guard: owner-of-byte-code
        return
    try:
        why = _prepare(home, release, sources, console)
    except (OSError, TargetError) as error:
        fault = reason(error) if isinstance(error, OSError) else str(error)
        why = f"byte code was not compiled: {fault}; {_SLOWER}"
    finally:
        console.end()
    if why:
        console.say(f"{release.package.name}: note: {why}")


def link(home: Home, release: Release) -> None:
    """Let Python find the byte code of a release."""
    ways = bytecode.ways(release.layout.release, release.name)
    with home.directory.opened(release.path) as opened, Descent(opened) as root:
        for path, target in ways.items():
            with suppress(OSError):  # it is there, or its directory is one of another's
                parent, name = root.to(path)
                os.symlink(target, name, dir_fd=parent)


def note(home: Home, release: Release | None) -> None:
    """Note whether the release that runs has yet to be compiled: the next boot sees to that."""
    ways = bytecode.ways(release.layout.release, release.name) if release else {}
    if release is None or not ways or home.directory.is_directory(place_of(release.name)):
        home.directory.remove(UNCOMPILED)
    else:
        home.directory.write(UNCOMPILED, f"{release.name}\n".encode(), Owned(0o600))


def catch_up(home: Home, console: Console) -> None:
    """Compile the current release if that could not be done when it was installed, or was lost."""
    with suppress(RefusedError):  # a damaged release is no matter of byte code
        current = releases.at(home, CURRENT)
        release = releases.read(home, current) if current else None
        if release:
            prepare(home, release, console)
            link(home, release)
        note(home, release)


def sweep(home: Home, path: str, entries: Iterable[Entry]) -> str:
    """Remove byte code beside `entries` below `path` in a prefix; returns why some is still there.

    A release of an older tool, or one whose link somebody has removed, may have some.
    """
    why = ""
    with home.directory.opened(path) as opened, Descent(opened) as root:
        for found in Beside(entries).below(root):
            try:
                parent, name = root.to(found.path)
                (os.rmdir if found.type == DIR else os.unlink)(name, dir_fd=parent)
            except OSError as error:
                why = why or f"{found.path}: {reason(error)}"
    return why and f"{home.path / path}: byte code could not be removed: {why}"


def _prepare(home: Home, release: Release, sources: tuple[Entry, ...], console: Console) -> str:
    """Compile a release; returns what somebody should know, "" if nothing."""
    pythons = _pythons(home, release)
    if not pythons:
        return f"there is no Python in {PATH}: nothing was compiled"
    _demand_room(home, sources)
    directory, compiling = home.directory, _Compiling(sources, time.monotonic() + SECONDS)
    directory.make(BYTECODE, _OPEN)
    made = directory.temporary(BYTECODE)
    try:
        with directory.opened(BYTECODE) as above, directory.opened(made) as into:
            for python in pythons:
                console.begin(sum(entry.size for entry in sources), "byte code")
                compiling.run(python, home, (release, made), console)
            settle(into, _OPEN)
            sync_below(directory, made, above)  # guard: sync-byte-code
        directory.move(made, place_of(release.name))
    except BaseException:
        directory.remove_tree(made)  # guard: failed-byte-code-removed
        raise
    return compiling.told()


def _demand_room(home: Home, sources: tuple[Entry, ...]) -> None:
    """Check that there is room for byte code. Raises TargetError."""
    room = os.statvfs(home.path)
    size = room.f_frsize or 4096
    needed = sum(2 * entry.size + size for entry in sources) + MIB
    if needed > room.f_bavail * size:  # guard: room-for-byte-code
        raise TargetError(
            f"{needed / MIB:.1f} MiB are needed, {room.f_bavail * size / MIB:.1f} MiB are free"
        )
    places = {entry.path.rpartition("/")[0] for entry in sources}
    if room.f_files and len(sources) + len(places) > room.f_favail:  # guard: inodes-for-byte-code
        raise TargetError(f"{len(sources)} inodes are needed, {room.f_favail} are free")


def _pythons(home: Home, release: Release) -> list[str]:
    """Each Python that runs a release, once: the package's own, and those services name."""
    version = release.package.python
    named = [pythons.find(version) if version else "python3"]
    for service in release.package.services:
        program = home.path / release.path / words(service.exec)[0]
        with suppress(OSError), open(program, "rb") as file:
            named += _interpreter(os.fsdecode(file.readline(_LONGEST_LINE)))
    found = (shutil.which(name, path=PATH) for name in named if name)
    by_file = {os.path.realpath(path): path for path in found if path}
    return list(by_file.values())


def _interpreter(line: str) -> list[str]:
    """The Python that the first line of a script names."""
    if not line.startswith("#!"):
        return []
    first, *others = line[2:].split() or [""]
    if os.path.basename(first) == "env":
        first = next((each for each in others if not each.startswith("-")), "")
    return [first] if _PYTHON.fullmatch(os.path.basename(first)) else []


class _Ended(NamedTuple):
    """How one Python ended, and what it did not compile."""

    python: str
    late: bool
    faulty: tuple[str, ...]
    missing: int


class _Compiling:
    """Lets one Python after the other compile the sources of a release, until a time."""

    def __init__(self, sources: tuple[Entry, ...], until: float) -> None:
        self._sizes = {entry.path: entry.size for entry in sources}
        self._until = until
        self._ended = list[_Ended]()

    def run(self, python: str, home: Home, way: tuple[Release, str], console: Console) -> None:
        """Compile with one Python. Raises OSError and TargetError."""
        release, made = way
        top, into = str(home.path / release.path), str(home.path / made)
        faulty, left = list[str](), dict(self._sizes)
        names = "".join(f"{path}\n" for path in left)
        with _started([python, "-I", "-S", "-W", "ignore", "-c", bytecode.program(), top, into,
                       f"{home.prefix}/{CURRENT}", "0"], names) as output:  # fmt: skip
            lines = _Lines(output, self._until)
            for line in lines:
                path = line[1:]
                if line[:1] == STOPPED:
                    raise TargetError(path)
                console.progress(left.pop(path, 0))
                if line[:1] == FAULTY:
                    faulty.append(path)
        self._ended.append(_Ended(python, lines.late, tuple(faulty), len(left)))

    def told(self) -> str:
        """What somebody should know of all, "" if nothing."""
        return "; ".join(filter(None, map(self._told, self._ended)))

    def _told(self, ended: _Ended) -> str:
        some = len(self._sizes) - ended.missing - len(ended.faulty)
        of_all = f"{some} of {len(self._sizes)} sources were compiled with {ended.python}"
        if ended.late:
            return f"{of_all} in {SECONDS} seconds"
        if ended.missing:
            return f"{of_all}, which then ended"
        if ended.faulty:
            more = f" and {len(ended.faulty) - 1} more" * (len(ended.faulty) > 1)
            return f"{ended.python} cannot compile {shown(ended.faulty[0])}{more}"
        return ""


class _Lines:
    """The lines that a program writes until a time."""

    def __init__(self, output: IO[bytes], until: float) -> None:
        self._output, self._until = output, until
        self.late = False

    def __iter__(self) -> Iterator[str]:
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while selector.select(max(0, self._until - time.monotonic())):
                said = os.read(self._output.fileno(), _BLOCK)
                if not said:
                    return
                *lines, rest = (rest + said).split(b"\n")
                yield from map(os.fsdecode, lines)
        self.late = True


@contextmanager
def _started(command: list[str], names: str) -> Iterator[IO[bytes]]:
    """Start a program with these names as its input; its output. It ends with the block."""
    process = subprocess.Popen(  # noqa: S603 - a Python, and the text of compiler.py
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=_ENVIRONMENT,
        umask=UMASK,
        start_new_session=True,
    )
    threading.Thread(target=_feed, args=(process.stdin, os.fsencode(names)), daemon=True).start()
    try:
        if process.stdout:
            with process.stdout:
                yield process.stdout
    finally:
        with suppress(ProcessLookupError, PermissionError):  # nobody is left, or a zombie on macOS
            os.killpg(process.pid, signal.SIGKILL)  # guard: compiling-ends
        process.wait()


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with suppress(OSError), pipe:
        pipe.write(data)
