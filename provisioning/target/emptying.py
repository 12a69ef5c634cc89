"""Knows how a tree is removed, however deep: all of it that can be, and why not the rest.

What is mounted in it belongs to somebody else, and is not entered.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.descent import Descent

_FILLED = (errno.ENOTEMPTY, errno.EEXIST)


def remove(descent: Descent, path: str) -> list[OSError]:
    """Remove what lies at `path`, with few descriptors; returns what went wrong, with its path."""
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
    """Have an error of the system name a path as the caller does."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def _is_gone(descent: Descent, path: str, faults: list[OSError]) -> bool:
    """Remove a file or an empty directory; tell whether there is nothing left to be entered.

    Of a mount point this fails with EBUSY, also where both lie on one disk.
    """
    with _gathered(faults, path):
        parent, name = descent.to(path)
        try:
            os.rmdir(name, dir_fd=parent)
        except NotADirectoryError:
            os.unlink(name, dir_fd=parent)
        except OSError as error:
            if error.errno in _FILLED:
                return False
            raise
    return True


def _empty(descent: Descent, path: str, faults: list[OSError]) -> list[str]:
    """Remove what is no directory in the one at `path`, and name the others."""
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
    """Go on after an error of the system, which is told with the others."""
    try:
        with named(path):
            yield
    except OSError as error:
        faults.append(error)
