"""Machines to install on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .machine import Machine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    """A scratch root, on which nothing is installed."""
    return Machine(tmp_path, capsys)
