"""The documents agree with the files they quote, and their links lead somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from .page import DOC, GREENHOUSE, ROOT, blocks

if TYPE_CHECKING:
    from pathlib import Path

README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *DOC.rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    found = [
        (name, heading, headings(page.parent / name if name else page)) for name, heading in links
    ]
    assert [(name, heading) for name, heading, there in found if heading not in there] == []


def headings(page: Path) -> set[str]:
    """The headings of a page, as GitHub has them in links."""
    found = re.findall("(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_readme_shows_the_greenhouse_s_spec_as_it_is() -> None:
    spec = (GREENHOUSE / "specs" / "greenhouse.yaml").read_text(encoding="utf-8")
    assert [block.text for block in blocks(README) if block.language == "yaml"] == [
        spec.partition("\n")[2]
    ]


def test_the_readme_shows_the_dodo_py_that_the_greenhouse_has() -> None:
    (shown,) = (block.text for block in blocks(README) if block.language == "python")
    real = (GREENHOUSE / "dodo.py").read_text(encoding="utf-8")
    assert shown.partition("\n")[2] == real.partition("\n")[2]


def test_the_commands_of_the_readme_are_one_line_each() -> None:
    first, second = (block.text for block in blocks(README) if block.language == "sh")
    assert first == "python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/doit\n"
    assert second == ".venv/bin/pip install -q -e '.[test]' && tests/run\n"
