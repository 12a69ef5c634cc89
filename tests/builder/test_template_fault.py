"""Every fault of a template, with its whole text: files in, report out."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.builder.collect.expand import templates_of
from provisioning.builder.collect.sources import Sources
from provisioning.builder.render.render import Templates, render_all
from provisioning.spec.diagnostics import SpecError
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.project import read_project
from tests.builder.conftest import write
from tests.layouts import lay_out

GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.txt"))


def _sections(text: str) -> dict[str, str]:
    parts = (part.partition("\n") for part in f"\n{text}".split("\n=== ")[1:])
    return {name: body.removesuffix("\n") + "\n" for name, _, body in parts}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_report_is_this_to_the_letter(path: Path) -> None:
    files = _sections(path.read_text())
    expected = files.pop("report")
    for name, text in files.items():
        write(name, text)
    (layout,) = lay_out(read_project(Inputs(Path())).variants, Sources("artifacts"))
    with pytest.raises(SpecError) as caught:
        render_all(layout.variant, templates_of(layout.items))
    assert f"{caught.value}\n" == expected


def _message(text: str) -> str:
    write("t", text)
    with pytest.raises(SpecError) as caught:
        Templates().render("t", {})
    (fault,) = caught.value.diagnostics
    return fault.message


def test_a_message_is_one_line_of_what_can_be_shown() -> None:
    assert _message("{{ {}['a\\nb\\x1b[0m'] }}") == "there is no a b [0m in this map"


def test_a_long_message_is_cut() -> None:
    message = _message("{{ {}['x' * 9999] }}")
    assert message == f"there is no {'x' * 288}..."
