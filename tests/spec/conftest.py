"""Makes a project of a few files for a test, and reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from provisioning.spec.diagnostics import SpecError
from provisioning.spec.model.variant import Variant
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.project import read_project

if TYPE_CHECKING:
    from pathlib import Path

Variants = Callable[..., dict[str, Variant]]

HEAD = """\
name: app
version: "1.0"
platforms: {raspberry-pi: {}, mac-mini: {}}
"""


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))


def report(root: Path, files: Mapping[str, str], given: Mapping[str, str] | None = None) -> str:
    """The whole report on a project of these files, which must have faults."""
    write(root, files)
    reading = read_project(Inputs(root, given))
    assert reading.diagnostics
    return str(SpecError(reading.diagnostics, root))


def load_variants(root: Path) -> tuple[Variant, ...]:
    """Every variant of the project at `root`, which must have no faults."""
    reading = read_project(Inputs(root))
    if reading.diagnostics:
        raise SpecError(reading.diagnostics, root)
    return reading.variants


@pytest.fixture
def variants(tmp_path: Path) -> Variants:
    """Read a spec, written after the usual head, and other files: its variants by platform."""

    def read(text: str, head: str = HEAD, **files: str) -> dict[str, Variant]:
        write(tmp_path, {"specs/app.yaml": head + text, **files})
        return {variant.platform: variant for variant in load_variants(tmp_path)}

    return read
