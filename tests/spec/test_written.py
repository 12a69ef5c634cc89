"""Specs that are made by Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provisioning.spec.diagnostics import SpecError
from provisioning.spec.resolve.inputs import Inputs, PythonSpec
from provisioning.spec.resolve.project import read_project
from provisioning.spec.yaml.node import Origin
from tests.spec.conftest import HEAD, load_variants, write

SPEC: dict[str, Any] = {
    "name": "app",
    "version": "1.0",
    "platforms": {"raspberry-pi": {}, "mac-mini": {"variables": {"port": 81}}},
    "variables": {"port": 80, "data": "/var/lib/{{ name }}"},
    "contents": [{"src": "a", "dst": "b", "mode": "0755", "exclude": ["x"]}],
}
HERE = Origin(file="dodo.py", line=3, column=1)


def written(root: Path, **changes: Any) -> Inputs:
    return Inputs(root, python_specs=[PythonSpec(values={**SPEC, **changes}, origin=HERE)])


def test_python_says_the_same_as_yaml(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "specs/app.yaml": """
name: app
version: "1.0"
platforms: {raspberry-pi: {}, mac-mini: {variables: {port: 81}}}
variables: {port: 80, data: "/var/lib/{{ name }}"}
contents: [{src: a, dst: b, mode: "0755", exclude: [x]}]
"""
        },
    )
    from_yaml = load_variants(tmp_path)
    (tmp_path / "specs/app.yaml").unlink()
    reading = read_project(written(tmp_path))
    assert reading.diagnostics == ()
    for mine, theirs in zip(reading.variants, from_yaml, strict=True):
        assert mine.variables == theirs.variables
        ours, other = mine.contents[0], theirs.contents[0]
        assert (ours.mode, ours.exclude) == (other.mode, other.exclude)
        assert ours.where == f"app.{other.where}"
        assert (mine.file, str(ours.origin)) == ("dodo.py", "dodo.py:3:1")


def test_python_and_yaml_are_one_project(tmp_path: Path) -> None:
    write(tmp_path, {"specs/other.yaml": HEAD.replace("app", "other")})
    names = {each.name for each in read_project(written(tmp_path)).variants}
    assert names == {"app", "other"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"contnts": []}, "app.contnts: unknown key [unknown-key]"),
        (
            {"contents": [{"src": "a", "dst": "b", "mode": 0o755}]},
            'app.contents[0].mode: 0755 is the number 493 here; quote it: mode: "0755"',
        ),
        (
            {"variables": {"path": Path()}},
            "app.variables.path: a PosixPath is not allowed in a spec",
        ),
        ({"variables": {"m": {1: "x"}}}, "app.variables.m: the key 1 must be text [wrong-type]"),
        ({"variables": {"n": float("nan")}}, "app.variables.n: nan is a number that"),
        ({"variables": {"a": "{{ b }}"}}, "app.variables.a: there is no variable b"),
    ],
)
def test_a_fault_points_at_the_call(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    write(tmp_path, {"dodo.py": "\n\nyield from tasks(SPEC)\n"})
    reading = read_project(written(tmp_path, **changes))
    text = str(SpecError(reading.diagnostics, tmp_path))
    assert text.startswith(f"dodo.py:3:1: {told}")
    assert "    3 | yield from tasks(SPEC)\n" in text


def test_a_value_that_holds_itself_is_a_fault(tmp_path: Path) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    reading = read_project(written(tmp_path, variables=endless))
    assert [fault.message for fault in reading.diagnostics] == [
        "this is nested deeper than 64 levels"
    ]


def test_a_list_of_specs_is_told_how_to_be_handed_in(tmp_path: Path) -> None:
    values: Any = [SPEC]
    reading = read_project(Inputs(tmp_path, python_specs=[PythonSpec(values=values, origin=HERE)]))
    (fault,) = reading.diagnostics
    assert fault.message == "a spec must be a dict; pass those of a list as in tasks(*specs)"
