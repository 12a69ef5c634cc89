"""A Node application is packaged as its page says, with what npm gathers for the Pi."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .page import DOC
from .reader import follow_in

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOC / "how-to" / "HowTo_008_A_Node_Application.md"


@pytest.mark.sweep  # with npm's registry
@pytest.mark.needs("npm")
def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    follow_in(tmp_path, PAGE)
