"""Measures how much memory a command takes."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# In a process between: what is started by a large one counts as large from its first moment.
_MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak(command: Sequence[str | Path], directory: Path) -> int:
    """The most memory that a command, or any process that it starts, has held, in KiB."""
    measured = subprocess.run(
        ["/usr/bin/env", "python3", "-c", _MEASURE, *command], cwd=directory, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return int(measured.stdout)
