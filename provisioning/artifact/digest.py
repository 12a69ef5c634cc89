"""Knows how content is digested: SHA-256, in lower-case hexadecimal."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

MIB = 1024 * 1024
_BLOCK = 64 * 1024  # of a file: more takes no less time, and room for a MiB much for a small one


def of_bytes(data: bytes | memoryview) -> str:
    """Digest `data`."""
    return hashlib.sha256(data).hexdigest()


def of_file(path: str | os.PathLike[str]) -> str:
    """Digest a file's content. Raises OSError."""
    sha256 = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            sha256.update(block)
    return sha256.hexdigest()


class HashedReader(io.RawIOBase):
    """Hands a raw stream on, and counts (`size`, in bytes) and digests what passes."""

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
