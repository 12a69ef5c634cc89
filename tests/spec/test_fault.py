from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest

from provisioning.errors import BuildError
from provisioning.spec.diagnostics import Diagnostic, SpecError, error_text
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.project import read_project
from provisioning.spec.yaml.node import Origin
from tests.spec.conftest import write
from tests.spec.test_golden import GOLDEN, sections

if TYPE_CHECKING:
    from pathlib import Path

ESCAPES = re.compile("\x1b\\[[0-9;]*m")


def fault(line: int, column: int, code: str = "odd", file: str = "a.yaml") -> Diagnostic:
    return Diagnostic.at(Origin(file=file, line=line, column=column), code, "this is odd")


def test_faults_are_sorted_and_told_once(tmp_path: Path) -> None:
    faults = [fault(2, 1), fault(1, 9), fault(2, 1), fault(1, 9, "bad"), fault(10, 1)]
    places = [(each.origin.line, each.code) for each in SpecError(faults, tmp_path).diagnostics]
    assert places == [(1, "bad"), (1, "odd"), (2, "odd"), (10, "odd")]


def test_a_report_in_colour(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("port: 1\nport: 2\n")
    origin = Origin(file="a.yaml", line=2, column=1, path="port")
    first = Origin(file="a.yaml", line=1, column=1)
    related = ((first, "first written here"),)
    twice = Diagnostic.at(origin, "duplicate-key", "this key appears twice", "remove one", related)
    assert SpecError([twice], tmp_path).text(colour=True).splitlines() == [
        "\x1b[1;91ma.yaml:2:1: port: this key appears twice [duplicate-key]\x1b[0m",
        "\x1b[1;94m    2 |\x1b[0m port: 2",
        "\x1b[1;94m      |\x1b[0m \x1b[1;91m^^^^\x1b[0m",
        "  \x1b[1ma.yaml:1:1: first written here\x1b[0m",
        "\x1b[1;94m    1 |\x1b[0m port: 1",
        "\x1b[1;94m      |\x1b[0m \x1b[1;94m^^^^\x1b[0m",
        "  \x1b[1;96mhelp:\x1b[0m remove one",
    ]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_colour_adds_nothing_but_colour(path: Path, tmp_path: Path) -> None:
    files = sections(path.read_bytes().decode("utf-8", "surrogateescape"))
    given = dict(line.split("=") for line in files.pop("given", "").splitlines())
    write(tmp_path, files)
    error = SpecError(read_project(Inputs(tmp_path, given)).diagnostics, tmp_path)
    assert ESCAPES.search(error.text(colour=True))
    assert ESCAPES.sub("", error.text(colour=True)) == str(error)


def test_a_terminal_is_told_in_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    error = SpecError([fault(1, 1)], tmp_path)
    first, second = os.openpty()
    with open(second, "w") as terminal, (tmp_path / "out").open("w") as file:
        assert error_text(error, terminal) == error.text(colour=True)
        assert error_text(error, file) == str(error)
        assert error_text(BuildError("odd"), terminal) == "odd"
    os.close(first)


def test_editors_read_faults_as_json(tmp_path: Path) -> None:
    origin = Origin(file="specs/app.yaml", line=7, column=3, path="variables.port")
    first = Origin(file="specs/app.yaml", line=5, column=3)
    related = ((first, "first written here"),)
    twice = Diagnostic.at(origin, "duplicate-key", "this key appears twice", "remove one", related)
    assert json.loads(json.dumps(SpecError([twice], tmp_path).as_json())) == {
        "faults": [
            {
                "code": "duplicate-key",
                "file": "specs/app.yaml",
                "line": 7,
                "column": 3,
                "path": "variables.port",
                "message": "this key appears twice",
                "hint": "remove one",
                "related": [
                    {
                        "file": "specs/app.yaml",
                        "line": 5,
                        "column": 3,
                        "message": "first written here",
                    }
                ],
            }
        ]
    }


def test_in_json_a_file_as_a_whole_has_no_line(tmp_path: Path) -> None:
    (only,) = SpecError([fault(0, 1)], tmp_path).as_json()["faults"]
    assert (only["line"], only["column"]) == (None, None)


def test_json_has_every_fault(tmp_path: Path) -> None:
    error = SpecError((fault(line, 1) for line in range(1, 5001)), tmp_path)
    assert [each["line"] for each in error.as_json()["faults"]] == list(range(1, 5001))


def test_json_of_a_name_that_is_no_utf_8_can_be_written(tmp_path: Path) -> None:
    document = SpecError([fault(1, 1, file="caf\udce9.yaml")], tmp_path).as_json()
    assert json.dumps(document, ensure_ascii=False).encode()
    assert document["faults"][0]["file"] == "caf\\udce9.yaml"
