"""Makes the tutorial's greenhouse as it lies on a machine, by hand: no build is involved."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from .page import GREENHOUSE

if TYPE_CHECKING:
    from pathlib import Path


# Port 0: the system picks a free one, and the server says which.
CONFIG = """\
[server]
host = 127.0.0.1
port = 0
[sensor]
driver = simulated
[vents]
open_above = 26.0
close_below = 22.0
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The root of a greenhouse with a configuration for this test."""
    root = tmp_path / "greenhouse"
    shutil.copytree(GREENHOUSE / "src", root / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    for source, place in (("bin/greenhouse.sh", "bin/greenhouse"), ("VERSION", "VERSION")):
        (root / place).parent.mkdir(exist_ok=True)
        shutil.copy(GREENHOUSE / source, root / place)
    (root / "bin" / "greenhoused").symlink_to("greenhouse")
    (root / "etc").mkdir()
    (root / "etc" / "greenhouse.ini").write_text(CONFIG, encoding="utf-8")
    return root
