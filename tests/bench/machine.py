"""What the benchmark ran on: machine, system, file system, versions; nothing that tells whose."""

from __future__ import annotations

import os
import platform
import re
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from . import tools

if TYPE_CHECKING:
    from collections.abc import Iterable


def facts(scratch: Path) -> dict[str, str]:
    """What a reader needs to judge the numbers."""
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "processor": f"{_model()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{_memory('MemTotal') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": f"{file_system(scratch)}, warm cache",
        "Python": platform.python_version(),
    }


def versions(programs: Iterable[str]) -> dict[str, str]:
    """The versions of what was measured."""
    ours = {name: version(name) for name in ("doit-provisioning", "doit")}
    return ours | {name: tools.version(name) for name in sorted(programs)}


def file_system(directory: Path) -> str:
    """The type of the file system that `directory` is in."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    # Fields of proc(5): the mount point is the fifth, the type the first after " - ".
    types = {line.split()[4]: line.partition(" - ")[2].split()[0] for line in mounts}
    return next(types[str(each)] for each in (directory, *directory.parents) if str(each) in types)


def _model() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def available_memory() -> int:
    """Bytes that can be had without swapping."""
    return _memory("MemAvailable")


def _memory(what: str) -> int:
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    found = re.search(rf"^{what}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
