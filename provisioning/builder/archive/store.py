"""The store of compressed chunks, whose loss or damage costs time and never correctness.

A file for each chunk, named by its key: the seal, the digest of what the chunk holds, and the
compressed bytes. See doc/design/Design_006_Chunk_Store.md.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.formats import format_of
from provisioning.builder.workspace.output import create, stale_before

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

_DIGEST = hashlib.sha256().digest_size
_HEAD = 2 * _DIGEST
_KEY = re.compile(r"[0-9a-f]{64}")
_STAGED = re.compile(r"\.[0-9a-f]{64}\.[0-9]+-[0-9]+\.tmp")


class StoredChunk(NamedTuple):
    """A compressed chunk. Digests are SHA-256."""

    data: bytes | bytearray | memoryview
    digest: bytes
    tar_digest: bytes  # of what is compressed in it


class StagedChunk(NamedTuple):
    """A chunk that was written to the store, but has no key yet."""

    temporary: str
    path: str


class SweepResult(NamedTuple):
    """What a sweep removed, and left. Sizes are in bytes."""

    removed: int
    freed: int
    left: int
    size: int  # of what is left


def limit(artifacts: Path) -> int:
    """The size that the store may grow to: twice that of all artifacts, or 1 GiB."""
    made = sum(_size(each) for each in artifacts.glob("*/*") if format_of(each.name))
    return max(2 * made, 1 << 30)


class Store:
    """Chunks in a directory, which any number of processes may use, sweep or remove at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)

    def get(self, key: str) -> StoredChunk | None:
        """The chunk with this key, if there is one; a damaged one is removed."""
        path = self._path(key)
        try:
            content = _read(path)
        except OSError:
            return None
        packed = _unsealed(key, content)
        with suppress(OSError):
            if packed is None:
                os.unlink(path)
            else:
                os.utime(path)  # tells `sweep` that it is still used
        return packed

    def size(self, key: str) -> int | None:
        """The compressed size of the chunk with this key; None if there is none."""
        try:
            return max(0, os.lstat(self._path(key)).st_size - _HEAD)
        except OSError:
            return None

    def stage(self, key: str, packed: StoredChunk) -> StagedChunk | None:
        """Write a chunk to the store, which `keep` gives its key once its sources are proved.

        None if it cannot be written: the build itself reports a disk that fails.
        """
        path = self._path(key)
        name = f".{key}.{os.getpid()}-{threading.get_ident()}.tmp"  # guard: staged-apart
        staged = StagedChunk(os.path.join(self._directory, name), path)
        try:
            os.makedirs(self._directory, exist_ok=True)
            # Not synced to disk: a power cut may leave the name without the content, as it may
            # leave any damage, and `get` looks for it every time.
            _write(staged.temporary, (_seal(key, packed), packed.tar_digest, packed.data))
        except OSError:
            self.drop(staged)
            return None  # guard: store-on-a-full-disk
        return staged

    def keep(self, staged: StagedChunk) -> None:
        """Give a staged chunk its key, in one step."""
        with suppress(OSError):  # a sweep removed it as stale, or the disk became read-only
            os.replace(staged.temporary, staged.path)

    def drop(self, staged: StagedChunk) -> None:
        """Remove a staged chunk."""
        with suppress(OSError):
            os.unlink(staged.temporary)

    def sweep(self, limit: int, spare: Collection[str] = (), *, dry: bool = False) -> SweepResult:
        """Remove the least recently used chunks until at most `limit` bytes are left.

        Chunks with the keys `spare` stay, whatever they take; what killed builds had staged goes.
        With `dry`, nothing is removed. Raises OSError if something cannot be removed, with all
        else done.
        """
        kept, stale = self._files()
        size = sum(length for _, length, _ in kept)
        doomed = list(stale)
        for _, length, name in sorted(kept):
            if size <= limit:
                break
            if name not in spare:
                doomed.append((length, name))
                size -= length
        if not dry:
            self._remove(name for _, name in doomed)
        removed = len(doomed) - len(stale)
        freed = sum(length for length, _ in doomed)
        return SweepResult(removed, freed, len(kept) - removed, size)

    def _remove(self, names: Iterable[str]) -> None:
        fault = None
        for name in names:
            try:
                os.unlink(self._path(name))
            except FileNotFoundError:
                pass  # another process has swept it
            except OSError as error:
                fault = error
        if fault:
            raise fault

    def _files(self) -> tuple[list[tuple[int, int, str]], list[tuple[int, str]]]:
        """Last use, size and name of each chunk; size and name of what is stale."""
        kept, stale = [], []
        oldest = stale_before()
        for name, status in self._entries():
            if _KEY.fullmatch(name):
                kept.append((status.st_mtime_ns, status.st_size, name))
            elif _STAGED.fullmatch(name) and status.st_mtime_ns < oldest:
                stale.append((status.st_size, name))
        return kept, stale

    def _entries(self) -> Iterator[tuple[str, os.stat_result]]:
        try:
            names = os.listdir(self._directory)
        except OSError:
            return  # nothing has been kept yet
        for name in names:
            with suppress(OSError):  # another process has swept it
                yield name, os.lstat(self._path(name))

    def _path(self, key: str) -> str:
        return os.path.join(self._directory, key)


def _seal(key: str, packed: StoredChunk) -> bytes:
    """The seal of a chunk: the digest of all of it and of its key."""
    # guard: key-in-the-seal
    return hashlib.sha256(key.encode() + packed.digest + packed.tar_digest).digest()


def _unsealed(key: str, content: bytes) -> StoredChunk | None:
    data = memoryview(content)[_HEAD:]
    packed = StoredChunk(data, hashlib.sha256(data).digest(), content[_DIGEST:_HEAD])
    return packed if content[:_DIGEST] == _seal(key, packed) else None  # guard: seal-of-a-chunk


def _read(path: str) -> bytes:
    # guard: store-entry-that-is-a-link
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:
        return file.readall()


def _write(path: str, parts: Iterable[bytes | bytearray | memoryview]) -> None:
    with open(create(path), "wb") as file:
        file.writelines(parts)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_size
    return 0
