"""A platform is added as its page says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from .page import DOC, blocks
from .reader import follow

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOC / "how-to" / "HowTo_001_Add_A_Platform.md"


@pytest.mark.needs("PyPI")
def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    follow(PAGE, tmp_path / "greenhouse")


def test_a_platform_is_less_than_ten_lines() -> None:
    added = [block.text for block in blocks(PAGE) if re.match("# specs/platforms/", block.text)]
    assert added
    assert [text for text in added if text.count("\n") >= 10] == []
