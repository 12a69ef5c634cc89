"""A real application takes its user a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.applications.application import PROJECTS

if TYPE_CHECKING:
    from pathlib import Path

SPECS = sorted(PROJECTS.glob("*/specs/*.yaml"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_a_spec_has_at_most_20_lines_and_a_dodo_py_12(spec: Path) -> None:
    dodo = spec.parents[1] / "dodo.py"
    assert len(spec.read_text("utf-8").splitlines()) <= 20
    assert len(dodo.read_text("utf-8").splitlines()) <= 12
