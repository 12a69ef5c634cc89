"""Mounts a file system on which `README` and `readme` are one file, as on a Mac.

Both are served by FUSE, with links and modes. `ntfs` is somebody else's, and lists all names in
lower case; `apfs` is ours, and takes names as a Mac does, normal forms too.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVER = Path(__file__).with_name("apfs.py")
_SIZE = 256 << 20  # bytes, of which none is written before it is needed


@contextmanager
def apfs(place: Path) -> Iterator[Path]:
    """An empty directory in `place` that takes names as APFS does."""
    (place / "apfs").mkdir()
    yield from _mounted(place, sys.executable, _SERVER, place / "apfs")


@contextmanager
def ntfs(place: Path) -> Iterator[Path]:
    """An empty directory in `place` in whose names case does not count."""
    image = place / "image"
    with open(image, "wb") as file:
        file.truncate(_SIZE)
    subprocess.run(["mkntfs", "-F", "-Q", "-q", image], check=True, capture_output=True)
    yield from _mounted(place, "lowntfs-3g", "-o", "ignore_case,permissions", image)


def _mounted(place: Path, *command: str | Path) -> Iterator[Path]:
    where = place / "mounted"
    where.mkdir()
    # It goes into the background as soon as it is mounted, and ends when it is not any more.
    subprocess.run([*command, where], check=True, stderr=subprocess.DEVNULL)
    try:
        yield where
    finally:
        subprocess.run(["fusermount", "-u", where], check=True)
