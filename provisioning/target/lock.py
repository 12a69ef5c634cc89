"""Knows how one process at a time changes a package: whoever is killed leaves no lock behind."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provisioning.artifact.installed import STATE
from provisioning.errors import LockedError
from provisioning.target.durable import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.target.home import Home

LOCK = f"{STATE}/lock"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """Hold the lock of a package. Raises LockedError if somebody else does."""
    home.directory.make(STATE, Owned(0o700))
    descriptor = _locked(home)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(home: Home) -> int:
    while True:
        with home.directory.opened(STATE) as state, home.directory.naming(LOCK):
            descriptor = os.open("lock", _FLAGS, 0o600, dir_fd=state)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LockedError(
                f"{home.path}: locked by another run; wait until it has ended"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        status = home.directory.status(LOCK)
        if status and status.st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)  # whoever held it removed the package, and this file with it
