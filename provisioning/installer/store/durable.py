"""Changes a directory so that each change survives a power cut.

A sync that fails is never repeated: the system may have dropped the data, and would report success.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import sys
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from provisioning.artifact.filesystem import Descent
from provisioning.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    _Method = TypeVar("_Method", bound="Callable[..., Any]")

_C = ctypes.CDLL(None, use_errno=True)
_READ_ANY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_UNKNOWN = (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY)  # to file systems without F_FULLFSYNC


def sync(descriptor: int) -> None:
    """Write an open file, or the names in a directory, to the disk."""
    if sys.platform == "darwin":
        try:  # after fsync(2), a drive may still have it in its memory alone
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
        else:
            return
    os.fsync(descriptor)  # guard: sync-fails


def sync_below(directory: Directory, path: str, opened: int) -> None:
    """Write all that lies below `path` to the disk.

    `opened` is a directory of the same file system that was opened before anything was written:
    syncfs(2) reports only faults since then.
    """
    if hasattr(_C, "syncfs"):
        _sync_file_system(opened)
        return
    below = [path]
    while below:
        here = below.pop()
        with directory.opened(here) as descriptor:
            below += [f"{here}/{name}" for name in _sync_files(descriptor)]
            sync(descriptor)


def _sync_file_system(descriptor: int) -> None:
    if _C.syncfs(descriptor) != 0:  # guard: sync-file-system-fails
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _sync_files(descriptor: int) -> list[str]:
    with os.scandir(descriptor) as items:
        found = [(item.name, item.stat(follow_symlinks=False).st_mode) for item in items]
    for name, mode in found:
        if stat.S_ISREG(mode):
            file = os.open(name, _READ_ANY, dir_fd=descriptor)
            try:
                sync(file)
            finally:
                os.close(file)
    return [name for name, mode in found if stat.S_ISDIR(mode)]


_FILLED = (errno.ENOTEMPTY, errno.EEXIST)


def remove(descent: Descent, path: str) -> list[OSError]:
    """Remove what lies at `path`, with few descriptors; returns the errors, with their paths."""
    faults, found, below = list[OSError](), list[str](), [path]
    while below:
        here = below.pop()
        if not _is_gone(descent, here, faults):
            found.append(here)
            below += _empty(descent, here, faults)
    for directory in reversed(found):
        if not _is_gone(descent, directory, faults) and not faults:  # somebody still writes there
            faults.append(OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), directory))
    return faults


@contextmanager
def named(path: str) -> Iterator[None]:
    """Let an OSError name the path that the caller uses."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def _is_gone(descent: Descent, path: str, faults: list[OSError]) -> bool:
    """Remove a file or an empty directory; returns False for a directory that is not empty.

    Of a mount point this fails with EBUSY, also where both lie on one disk.
    """
    with _gathered(faults, path):
        parent, name = descent.to(path)
        try:
            os.rmdir(name, dir_fd=parent)
        except NotADirectoryError:
            os.unlink(name, dir_fd=parent)
        except OSError as error:
            if error.errno in _FILLED:  # guard: mount-in-data
                return False
            raise
    return True


def _empty(descent: Descent, path: str, faults: list[OSError]) -> list[str]:
    """Remove all but directories in the directory at `path`; returns the directories."""
    directories = list[str]()
    with _gathered(faults, path), _opened(descent, path) as descriptor:
        os.fchmod(descriptor, 0o700)  # it may forbid what follows
        with os.scandir(descriptor) as items:
            found = [(item.name, item.is_dir(follow_symlinks=False)) for item in items]
        for name, is_directory in found:
            if is_directory:
                directories.append(f"{path}/{name}")
                continue
            with _gathered(faults, f"{path}/{name}"):
                os.unlink(name, dir_fd=descriptor)
    return directories


@contextmanager
def _opened(descent: Descent, path: str) -> Iterator[int]:
    """Open a directory, whatever its mode forbids to its owner."""
    try:
        descriptor = descent.directory(path)
    except PermissionError:
        _open_up(*descent.to(path))
        descriptor = descent.directory(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_up(parent: int, name: str) -> None:
    if sys.platform != "linux":
        os.chmod(name, 0o700, dir_fd=parent, follow_symlinks=False)
        return
    # Linux has no such call that follows no link, but by way of what is open.
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{descriptor}", 0o700)
    finally:
        os.close(descriptor)


@contextmanager
def _gathered(faults: list[OSError], path: str) -> Iterator[None]:
    """Continue after an error of the system, which is reported with the others."""
    try:
        with named(path):
            yield
    except OSError as error:  # guard: cannot-be-removed-for-ever
        faults.append(error)


TEMPORARY = ".provisioning-"
"""What temporary names begin with, and no others."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LIMIT = 64 * 1024 * 1024  # bytes of a file that is read
_FIXED = (errno.EXDEV, errno.EBUSY)  # a directory of a lower layer of overlayfs; a mount point
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


class Owned(NamedTuple):
    """What a file is besides its content; -1 is whoever makes it."""

    mode: int
    user: int = -1
    group: int = -1


def _named(method: _Method) -> _Method:
    """Let an OSError of a method name the whole path: the system only knows its last part."""

    @wraps(method)
    def named(self: Directory, path: str, *arguments: Any) -> Any:
        with self.naming(path):
            return method(self, path, *arguments)

    return cast("_Method", named)


class Directory:
    """A directory, and what lies below it. Paths are relative to it. Raises OSError.

    Where several packages share it, `package` is part of the names of temporary files. `where` is
    its path, if `root` is a descriptor.
    """

    def __init__(self, root: Path | int, package: str = "", where: Path | None = None) -> None:
        self._descent = Descent(root)
        self._where = where or Path(root if isinstance(root, Path) else "")
        self.temporaries = TEMPORARY + (f"{package}@" if package else "")
        """What the names of temporary files begin with."""

    def __enter__(self) -> Directory:
        return self

    def __exit__(self, *_: object) -> None:
        self._descent.__exit__()

    @contextmanager
    def naming(self, path: str) -> Iterator[None]:
        """Let an OSError that is raised meanwhile name a path."""
        try:
            yield
        except OSError as error:
            error.filename = str(self._where / path)
            raise

    @_named
    def status(self, path: str) -> os.stat_result | None:
        """Return the status of what lies at `path`, not following a link; None if nothing does."""
        try:
            parent, name = self._descent.to(path)
            return os.stat(name or ".", dir_fd=parent, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
            return None

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory at `path`."""
        status = self.status(path)
        return status is not None and stat.S_ISDIR(status.st_mode)

    @_named
    def leads(self, path: str) -> str | None:
        """Return the target of the link at `path`; None if there is no link."""
        status = self.status(path)
        if status is None or not stat.S_ISLNK(status.st_mode):
            return None
        parent, name = self._descent.to(path)
        return os.readlink(name, dir_fd=parent)

    def names(self, path: str) -> list[str]:
        """Return the sorted names in the directory at `path`; none if there is no directory."""
        if not self.is_directory(path):
            return []
        with self.opened(path) as descriptor:
            return sorted(os.listdir(descriptor))

    @_named
    def read(self, path: str) -> bytes | None:
        """Return the content of the file at `path`; None if there is no regular file."""
        status = self.status(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        parent, name = self._descent.to(path)
        with open(os.open(name, _READ, dir_fd=parent), "rb") as file:
            data = file.read(_LIMIT + 1)
        if len(data) > _LIMIT:
            raise TargetError(f"{path}: is larger than {_LIMIT} bytes")
        return data

    @contextmanager
    def opened(self, path: str) -> Iterator[int]:
        """Open the directory at `path`."""
        with self.naming(path):
            descriptor = self._descent.directory(path)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @_named
    def write(self, path: str, data: bytes, owned: Owned) -> None:
        """Write a file at `path`, or replace it."""

        def make(parent: int, name: str) -> None:
            descriptor = os.open(name, _NEW, 0o600, dir_fd=parent)
            with open(descriptor, "wb", buffering=0) as file:
                left = memoryview(data)
                while left:
                    left = left[file.write(left) :]
                settle(descriptor, owned)
                sync(descriptor)  # guard: sync-a-file

        self._put(path, make)

    @_named
    def link(self, path: str, target: str) -> None:
        """Make a link at `path` to `target`, or replace it."""
        self._put(path, lambda parent, name: os.symlink(target, name, dir_fd=parent))

    @_named
    def make(self, path: str, owned: Owned) -> bool:
        """Make a directory at `path`, unless something is there; returns whether it was made."""
        parent, name = self._descent.to(path)
        # With its mode from the start: a kill leaves no directory that is closed to others.
        umask = os.umask(0)
        try:
            os.mkdir(name, owned.mode, dir_fd=parent)
        except FileExistsError:
            return False
        finally:
            os.umask(umask)
        with self.opened(path) as descriptor:
            settle(descriptor, owned)
            sync(descriptor)
        sync(self._descent.to(path)[0])
        return True

    @_named
    def move(self, path: str, to: str) -> None:
        """Rename what lies at `path` in its directory; nothing has the new name."""
        parent, name = self._descent.to(path)
        os.rename(name, to.rpartition("/")[2], src_dir_fd=parent, dst_dir_fd=parent)
        sync(parent)  # guard: sync-a-link

    @_named
    def temporary(self, path: str) -> str:
        """Make a directory with a temporary name in the directory at `path`."""
        made = f"{path}/{self._temporary_name()}" if path else self._temporary_name()
        parent, name = self._descent.to(made)
        os.mkdir(name, 0o700, dir_fd=parent)
        return made

    def chmod(self, path: str, mode: int) -> None:
        """Change the mode of the directory at `path`."""
        with self.opened(path) as descriptor:
            os.fchmod(descriptor, mode)
            sync(descriptor)

    @_named
    def remove(self, path: str) -> None:
        """Remove the file, link or empty directory at `path`, if there is one."""
        status = self.status(path)
        if status is None:
            return
        parent, name = self._descent.to(path)
        (os.rmdir if stat.S_ISDIR(status.st_mode) else os.unlink)(name, dir_fd=parent)
        sync(parent)

    def remove_tree(self, path: str) -> None:
        """Remove what lies at `path`, with all that is in it. After a kill, it has another name.

        What cannot be removed keeps its name, and its first error is raised: a mount point,
        something immutable, or another user's. All else is gone then.
        """
        if not self.is_directory(path):
            self.remove(path)
            return
        above = path.rpartition("/")[0]
        doomed = f"{above}/{self._temporary_name()}" if above else self._temporary_name()
        try:
            self.move(path, doomed)
        except OSError as error:
            if error.errno not in _FIXED:  # guard: lower-layer
                raise
            doomed = path
        faults = remove(self._descent, doomed)
        if faults and doomed != path:  # guard: old-release-with-a-mount
            self.move(doomed, path)
        for fault in faults:
            with self.naming(path + str(fault.filename)[len(doomed) :]):
                raise fault

    def sweep(self, path: str) -> list[OSError]:
        """Remove the temporary files of killed runs in the directory at `path`.

        Returns the errors.
        """
        faults = list[OSError]()
        for name in self.names(path):
            if name.startswith(self.temporaries):
                faults += remove(self._descent, f"{path}/{name}" if path else name)
        for fault in faults:
            fault.filename = str(self._where / fault.filename)
        return faults

    def _put(self, path: str, make: Callable[[int, str], None]) -> None:
        parent, name = self._descent.to(path)
        temporary = self._temporary_name()
        try:
            make(parent, temporary)
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)  # guard: write-beside
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=parent)
            raise
        sync(parent)  # guard: sync-a-renamed

    def _temporary_name(self) -> str:
        return self.temporaries + os.urandom(8).hex()


class Nowhere(Directory):
    """A directory that does not exist."""

    def __init__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def status(self, path: str) -> None:
        """See Directory."""


def settle(descriptor: int, owned: Owned) -> None:
    """Give an open file its owner and its mode."""
    if (owned.user, owned.group) != (-1, -1):
        os.fchown(descriptor, owned.user, owned.group)
    os.fchmod(descriptor, owned.mode)  # last: another owner clears setuid
