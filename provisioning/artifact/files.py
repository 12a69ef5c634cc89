"""Knows how to open a file that somebody else may have made."""

from __future__ import annotations

import os
import stat
from io import FileIO, RawIOBase
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


class Span(RawIOBase):
    """A part of an open file. Where in the file others read does not matter, nor to them."""

    def __init__(self, file: FileIO, start: int, length: int) -> None:
        self._descriptor = file.fileno()
        self._at, self._stop = start, start + length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io has no other
        data = os.pread(self._descriptor, min(len(buffer), self._stop - self._at), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes. Raises OSError and ArtifactError."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise ArtifactError(f"is larger than {limit} bytes")
        return file.readall()


def reason(error: OSError | ArtifactError) -> str:
    """Say what went wrong, without the path that the caller names anyway."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
