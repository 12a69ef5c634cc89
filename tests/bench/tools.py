"""The programs that a benchmark needs, where they are, and which versions they have."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .measure import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterable

_EXTRA = "pip install -e '.[bench]'"
INSTALL = {
    "bash": "apt-get install bash",
    "cmake": _EXTRA,
    "cp": "apt-get install coreutils",
    "cpack": _EXTRA,
    "dpkg-deb": "apt-get install dpkg",
    "find": "apt-get install findutils",
    "gzip": "apt-get install gzip",
    "make": "apt-get install make",
    "mkfs.ext4": "apt-get install e2fsprogs",
    "mkfs.xfs": "apt-get install xfsprogs",
    "mount": "apt-get install mount",
    "nfpm": _EXTRA,
    "ninja": _EXTRA,
    "pigz": "apt-get install pigz",
    "sha256sum": "apt-get install coreutils",
    "sync": "apt-get install coreutils",
    "tar": "apt-get install tar",
    "umount": "apt-get install mount",
    "xz": "apt-get install xz-utils",
    "zstd": "apt-get install zstd",
}


def search_path() -> str:
    """PATH, with what is installed beside this Python in front."""
    places = [os.environ.get("PATH", os.defpath)]
    cmake = importlib.util.find_spec("cmake")
    if cmake and cmake.origin:  # what it puts beside Python starts Python first
        places.insert(0, str(Path(cmake.origin).parent / "data" / "bin"))
    return os.pathsep.join([*places[:-1], str(Path(sys.executable).parent), places[-1]])


def demand(names: Iterable[str]) -> None:
    """Refuse to measure without a program, rather than leave it out.

    Raises:
        BenchError: with how each missing one is installed.
    """
    missing = [name for name in sorted(set(names)) if not shutil.which(name, path=search_path())]
    if missing:
        told = "".join(f"\n  {name}: {INSTALL[name]}" for name in missing)
        rest = f"or do without: doit bench --without={','.join(missing)}"
        raise BenchError(f"these programs are missing; install them{told}\n{rest}")


def version(name: str) -> str:
    """What a program says about its version, shortened to the number."""
    program = shutil.which(name, path=search_path()) or name
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.+~-]*", told.stdout + told.stderr)
    return found[0] if found else "unknown"
