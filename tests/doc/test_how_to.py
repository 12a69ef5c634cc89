"""The page for people who come from other tools: its example is read, and its cases are tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provisioning.builder.collect.sources import Sources
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.project import read_project
from provisioning.spec.schema import schema
from tests.builder.test_situations import FAULTS, SITUATIONS
from tests.layouts import lay_out

from .page import DOC, blocks, first_column, section

PAGE = DOC / "how-to" / "HowTo_002_Coming_From_nFPM_And_rules_pkg.md"


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the package that the page's example describes, of the files that it shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VERSION", "1.4.2")
    files, _ = (block.text for block in blocks(PAGE) if block.language == "text")
    for name in (*files.split(), "specs/vents.yaml"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("#!/bin/sh\n", encoding="utf-8")
    (spec,) = (block.text for block in blocks(PAGE) if block.text.startswith("# specs/"))
    Path("specs/vents.yaml").write_text(spec, encoding="utf-8")
    reading = read_project(Inputs(Path()))
    (layout,) = lay_out(reading.variants, Sources("artifacts"), reading.diagnostics)
    return [item.path + "/" * (item.type == "dir") for item in layout.items]


def test_the_example_makes_the_package_that_the_page_shows(packaged: list[str]) -> None:
    _, shown = (block.text for block in blocks(PAGE) if block.language == "text")
    assert packaged == shown.split()


def test_each_difference_is_a_case_of_the_tests() -> None:
    named = first_column(section(PAGE, "## What comes out differently"))
    assert named
    assert named - {*SITUATIONS, *FAULTS} == set()


def test_each_difference_is_described_as_the_error_or_the_layout_that_it_is() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|[^|]*\| ([^|]*) \|", _differences(), re.MULTILINE)
    assert rows
    wrong = [name for name, here in rows if here.startswith("error") != (name in FAULTS)]
    assert wrong == []


@pytest.mark.parametrize("heading", ["## nFPM, key by key", "## rules_pkg, key by key"])
def test_each_key_that_a_translation_begins_with_exists(heading: str) -> None:
    rows = [line.split(" | ") for line in section(PAGE, heading).splitlines() if " | " in line]
    keys = {key for _, here in rows for key in re.findall(r"^`(\w+)[`:]", here)}
    known = {*schema.SPEC, *schema.SPEC["contents"]["schema"]["schema"]}
    assert len(keys) > 5
    assert keys - known == set()


def _differences() -> str:
    return section(PAGE, "## What comes out differently")
