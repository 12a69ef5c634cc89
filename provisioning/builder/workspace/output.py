"""Writes files and directories that appear complete or not at all; sweeps what kills left."""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from provisioning.artifact.filesystem import Descent
from provisioning.artifact.process_pool import Team

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def remove_tree(directory: Path) -> None:
    """Remove a file or tree, if there is one, whatever its modes; follow no link."""
    if not os.path.lexists(directory):
        return  # on a disk that cannot be written, unlink(2) would fail even so
    if directory.is_symlink() or not directory.is_dir():
        directory.unlink(missing_ok=True)
        return
    below = [""]
    for parent, names, _ in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
                below.append(path[len(str(directory)) + 1 :])
    with Descent(directory) as root, Team(lambda at: _empty(root, below[at]), len(below)) as team:
        team.agrees()  # where it does not, the next line tells why, or does the work
    shutil.rmtree(directory)


def _empty(root: Descent, path: str) -> bool:
    descriptor = root.directory(path)
    try:
        with os.scandir(descriptor) as items:
            for item in items:
                if not item.is_dir(follow_symlinks=False):
                    os.unlink(item.name, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    return True


making = threading.RLock()
"""Held while something temporary is created. A run that was stopped takes it for good at its end:
then no other thread creates anything more."""

_OLD_NS = 3600 * 10**9  # an hour: no build takes as long over one file


class Output:
    """Files and directories that get their names together, when all are complete."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._files: list[tuple[Path, BinaryIO]] = []
        self._trees: list[Path] = []
        self.digests: dict[Path, str] = {}
        """The digests of files, as far as their writers know them."""

    def file(self, path: Path) -> BinaryIO:
        """Open a file that will be called `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        file = self._stack.enter_context(_temporary(path))
        self._files.append((path, file))
        return file

    def directory(self, path: Path) -> Path:
        """Make an empty directory that will be called `path`."""
        temporary = _temporary_name(path)
        with _naming(path), making:
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_tree(temporary)
            temporary.mkdir()
        self._stack.callback(remove_tree, temporary)
        self._trees.append(path)
        return temporary

    def finish(self) -> None:
        """Give all their names, once they are durable."""
        for path, file in self._files:
            with _naming(path):
                file.flush()
                os.fsync(file.fileno())  # guard: file-on-the-disk
        for path in self._trees:
            with _naming(path), making:
                _replace_tree(_temporary_name(path), path)
        for path, _ in self._files:
            with _naming(path):
                os.replace(_temporary_name(path), path)
        for directory in {path.parent for path in (*dict(self._files), *self._trees)}:
            sync_directory(directory)  # guard: directory-on-the-disk


@contextmanager
def replacing() -> Iterator[Output]:
    """Make files and directories that get their names when the block ends.

    None gets its name before all are complete and durable; if the block raises, nothing is left
    and what had these names is untouched.

    Raises:
        OSError: something cannot be written (`filename` is what it was to be called).
    """
    with ExitStack() as stack:
        made = Output(stack)
        yield made
        made.finish()


def _replace_tree(made: Path, path: Path) -> None:
    """Replace one directory by another, which takes two steps."""
    old = path.with_name(f".{path.name}.{os.getpid()}.old.tmp")
    remove_tree(old)
    with suppress(FileNotFoundError):
        os.rename(path, old)
    os.rename(made, path)
    remove_tree(old)


@contextmanager
def _temporary(path: Path) -> Iterator[BinaryIO]:
    name = _temporary_name(path)
    try:
        with _naming(path):
            file = open(create(name), "wb")  # noqa: SIM115 - closed below
        with _naming(path), file:
            yield file
    finally:
        with suppress(OSError):  # it has its name, or never was  # guard: failed-output
            os.unlink(name)


def create(temporary: str | Path) -> int:
    """Open what is going to be written under a temporary name. Raises OSError."""
    # Never through a link that somebody put there.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with making:
        return os.open(temporary, flags, 0o666)


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")  # guard: name-while-it-is-written


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in errors: "No space left on device" would not say where."""
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename).endswith(".tmp"):
            error.filename, error.filename2 = str(path), None  # guard: file-that-the-disk-refused
        raise


def write(path: Path, data: bytes) -> None:
    """Write the file `path`, completely or not at all."""
    write_all(path, (data,))


def write_all(path: Path, parts: Iterable[bytes]) -> None:
    """Write the file `path` in parts, completely or not at all."""
    with replacing() as made:
        made.file(path).writelines(parts)


def leave(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """The same for a file whose reader detects damage.

    It is not synced to disk: after a power cut the name may be there without the content.
    """
    with _temporary(path) as file:
        file.writelines(parts)
        file.flush()
        os.replace(_temporary_name(path), path)


def remember(path: Path, parts: Iterable[bytes | memoryview]) -> bool:
    """The same as `leave` for what only saves time; return whether it was written."""
    try:
        leave(path, parts)
    except OSError:
        return False  # the build itself reports a disk that fails
    return True


def sweep(directory: Path, names: Iterable[str]) -> None:
    """Remove what killed builds left in `directory` of files that were to be called `names`.

    Only for a caller that holds the lock of the variant that owns the directory.
    """
    # Only our own names: should the directory be somebody's, the rest is theirs.
    for name in names if is_littered(directory) else ():
        for stale in directory.glob(f".{name}.*.tmp"):  # guard: stale-outputs
            remove_tree(stale)


def is_littered(directory: Path) -> bool:
    """Whether `directory` contains temporary files."""
    try:
        return any(name.startswith(".") and name.endswith(".tmp") for name in os.listdir(directory))
    except OSError:
        return False


def sweep_old(path: Path) -> None:
    """Remove what killed builds left, long ago, of a file that no lock guards."""
    oldest = stale_before()
    for stale in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(OSError):  # another process has swept it
            if stale.lstat().st_mtime_ns < oldest:  # guard: old-outputs
                stale.unlink()


def stale_before() -> int:
    """A time in ns since the epoch; nobody still works on what was last written before."""
    # No clock decides what a package holds: here it only shows which files nobody needs any more.
    return time.time_ns() - _OLD_NS


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
