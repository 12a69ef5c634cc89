"""Knows how to open a file that somebody else may have made."""

from __future__ import annotations

import os
import stat
from io import FileIO
from typing import TYPE_CHECKING

from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path


def open_regular(path: Path) -> FileIO:
    """Open a regular file to be read, unbuffered. Raises OSError, and ArtifactError for others."""
    # Without O_NONBLOCK, a FIFO would be waited for until somebody writes to it.
    file = FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ArtifactError("is not a regular file")
    return file


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes. Raises OSError and ArtifactError."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise ArtifactError(f"is larger than {limit} bytes")
        return file.readall()


def reason(error: OSError | ArtifactError) -> str:
    """Say what went wrong, without the path that the caller names anyway."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
