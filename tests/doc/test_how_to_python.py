"""A Python application is packaged as its page says, with the wheels that PyPI has for targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .page import DOC
from .reader import follow_in

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOC / "how-to" / "HowTo_009_A_Python_Application.md"


@pytest.mark.sweep  # with PyPI
@pytest.mark.needs("uv")
def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    follow_in(tmp_path, PAGE)
