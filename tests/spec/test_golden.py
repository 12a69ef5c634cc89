"""Every fault that can be reported, with its whole text: files in, report out."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import provisioning.spec
from tests.spec.conftest import report

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.txt"))


def sections(text: str) -> dict[str, str]:
    parts = (part.partition("\n") for part in ("\n" + text).split("\n=== ")[1:])
    return {name: body.removesuffix("\n") + "\n" for name, _, body in parts}


def codes(modules: str = "*.py") -> Iterator[str]:
    """The codes with which `spec/` makes faults: literals, wherever they are used."""
    makers = {"at": 1, "error": 1, "Rule": 0, "_Meaningless": 1, "_refuse": 1, "_error": 2}
    for path in Path(provisioning.spec.__path__[0]).rglob(modules):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                argument = node.args[makers[name]] if name in makers else None
                if isinstance(argument, ast.Constant):
                    yield str(argument.value)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_report_is_this_to_the_letter(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sections(path.read_bytes().decode("utf-8", "surrogateescape"))
    expected = files.pop("report")
    given = dict(line.split("=") for line in files.pop("given", "").splitlines())
    monkeypatch.setenv("PROVISIONING_TEST_PASSWORD", "hunter2")
    monkeypatch.setenv("PROVISIONING_TEST_EMPTY", "")
    assert report(tmp_path, files, given) + "\n" == expected


def test_every_code_has_its_golden_text() -> None:
    told = "".join(path.read_text(errors="replace") for path in GOLDEN)
    elsewhere = {"file-too-large"}  # too large for a golden file: see test_load
    missing = {code for code in codes() if f"[{code}]" not in told}
    assert missing - elsewhere == set()
    assert len(set(codes())) > 40
