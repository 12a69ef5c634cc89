"""Reads files and walks directories safely; digests contents (SHA-256, in hexadecimal)."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from io import FileIO, RawIOBase
from typing import TYPE_CHECKING

from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024
_BLOCK = (
    64 * 1024
)  # of a file: more would not be faster, and allocating a MiB is slow for a small one


def of_bytes(data: bytes | memoryview) -> str:
    """Digest `data`."""
    return hashlib.sha256(data).hexdigest()


def of_file(path: str | os.PathLike[str]) -> str:
    """Digest a file's content. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        return _of_rest(file)


def of_open(file: FileIO) -> str:
    """Digest all of an open file, and go back to its beginning. Raises OSError."""
    file.seek(0)
    digest = _of_rest(file)
    file.seek(0)
    return digest


def _of_rest(file: FileIO) -> str:
    sha256 = hashlib.sha256()
    while block := file.read(_BLOCK):
        sha256.update(block)
    return sha256.hexdigest()


class HashedReader(io.RawIOBase):
    """Passes a raw stream on, counting (`size`, in bytes) and digesting what passes."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._sha256 = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io has no other
        count = self._stream.readinto(buffer) or 0
        self._sha256.update(buffer[:count])
        self.size += count
        return count

    def hexdigest(self) -> str:
        """Digest of all that has been read so far."""
        return self._sha256.hexdigest()


def open_regular(path: Path) -> FileIO:
    """Open a regular file for reading, unbuffered. Raises OSError, and ArtifactError for others."""
    # Without O_NONBLOCK, opening a FIFO would wait until somebody writes to it.
    file = FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # guard: no-fifo
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # guard: artifact-that-is-no-file
        file.close()
        raise ArtifactError("is not a regular file")
    return file


class FileRange(RawIOBase):
    """A part of an open file, read without using or moving the file's position."""

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
    """What went wrong, without the path that the caller names anyway."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MOST_OPEN = 16  # of the directories on the way, whatever their number


class Descent:
    """Opens directories below a root, without following links. Raises OSError."""

    def __init__(self, root: Path | int) -> None:
        # A descriptor stays the caller's.
        at = (root, None) if not isinstance(root, int) else (".", root)
        opened = os.open(at[0], _DIRECTORY, dir_fd=at[1])
        self._way = [("", opened)]  # each lies in the one before, or deeper

    def __enter__(self) -> Descent:
        return self

    def __exit__(self, *_: object) -> None:
        while self._way:
            os.close(self._way.pop()[1])

    def is_empty(self) -> bool:
        """Whether the root is empty."""
        return not os.listdir(self._way[0][1])

    def to(self, path: str) -> tuple[int, str]:
        """Open the directory of `path`: its descriptor, valid until the next call, and the name.

        In the order of a package, most paths lie in the directory of the one before, or near it.
        """
        above, _, name = path.rpartition("/")
        if above != self._way[-1][0]:
            self._go(above)
        return self._way[-1][1], name

    def directory(self, path: str) -> int:
        """Open the directory at `path`; the descriptor is the caller's to close."""
        parent, name = self.to(path)
        return os.open(name or ".", _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)  # guard: link-upward

    def _go(self, path: str) -> None:
        while len(self._way) > 1 and not f"{path}/".startswith(f"{self._way[-1][0]}/"):
            os.close(self._way.pop()[1])
        here, descriptor = self._way[-1]
        while here != path:
            name = path[len(here) :].lstrip("/").partition("/")[0]
            here = f"{here}/{name}" if here else name
            # guard: follow-no-link-down
            descriptor = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            self._way.append((here, descriptor))
            if len(self._way) > _MOST_OPEN:
                self._close_one()

    def _close_one(self) -> None:
        """Close one of the open directories, so that the distances between the others grow upwards.

        Going back, level by level, then reopens few of them each time: from the top, it would be
        millions in a tree of two thousand levels.
        """
        far = [len(path) for path, _ in self._way]
        gaps = (
            ((far[at + 1] - far[at - 1]) / (far[-1] - far[at]), at) for at in range(1, len(far) - 1)
        )
        os.close(self._way.pop(min(gaps)[1])[1])  # guard: directories-held-open
