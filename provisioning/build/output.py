"""Knows how a file comes to be complete under its name, or not at all."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from provisioning.artifact.archive import SUMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(*paths: Path) -> Iterator[tuple[BinaryIO, ...]]:
    """Files to write that take the names `paths` of one directory when the block ends well.

    Until all are whole and durable none takes its name; when the block raises, nothing is left
    and older files of those names are untouched.

    Raises:
        OSError: a file cannot be written (`filename` is the one of `paths`).
    """
    directory = paths[0].parent
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        temporaries = [stack.enter_context(_temporary(path)) for path in paths]
        with _naming(paths[0]):
            yield tuple(temporaries)
        for path, file in zip(paths, temporaries, strict=True):
            with _naming(path):
                file.flush()
                os.fsync(file.fileno())
        for path in paths:
            with _naming(path):
                os.replace(_temporary_name(path), path)
    sync_directory(directory)


@contextmanager
def _temporary(path: Path) -> Iterator[BinaryIO]:
    name = _temporary_name(path)
    try:
        with _naming(path):
            # Never through a link that somebody put there.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            file = open(os.open(name, flags, 0o666), "wb")  # noqa: SIM115 - closed below
        with file:
            yield file
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Without a name, "No space left on device" would not say where."""
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename).endswith(".tmp"):
            error.filename, error.filename2 = str(path), None
        raise


def write(path: Path, data: bytes) -> None:
    """Give the file `path` the content `data`, whole or not at all."""
    with replacing(path) as (file,):
        file.write(data)


def sweep(directory: Path) -> None:
    """Remove what builds that were killed left in `directory`.

    Only for a caller that holds the lock of the variant that owns the directory.
    """
    # Only our own names: should the directory be somebody's, the rest is theirs.
    for name in (directory.name, SUMS):
        for stale in directory.glob(f".{name}.*.tmp"):
            with suppress(FileNotFoundError):
                stale.unlink()


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
