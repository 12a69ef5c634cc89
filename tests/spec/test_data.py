from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provisioning.spec.diagnostics import Diagnostics
from provisioning.spec.resolve.data_files import read_variables
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.yaml.node import Origin, plain

if TYPE_CHECKING:
    from pathlib import Path


HERE = Origin(file="specs/a.yaml", line=1, column=1)


def data(root: Path, file: str, text: str) -> Any:
    (root / file).write_text(text)
    faults = Diagnostics()
    node = read_variables(Inputs(root), file, HERE, faults)
    assert not faults
    assert node is not None
    return plain(node)


def told(root: Path, file: str, text: str) -> list[str]:
    (root / file).write_text(text)
    faults = Diagnostics()
    assert read_variables(Inputs(root), file, HERE, faults) is None
    return [f"{fault.origin}: {fault.message} [{fault.code}]" for fault in faults]


@pytest.mark.parametrize("name", ["a.yaml", "a.yml"])
def test_yaml_is_read_as_specs_are(tmp_path: Path, name: str) -> None:
    assert data(tmp_path, name, "a: [1, {b: x}]") == {"a": [1, {"b": "x"}]}
    assert told(tmp_path, name, "- a") == [
        f"{name}:1:1: the file holds a list, but must hold keys with values [not-a-map]"
    ]


def test_toml_keeps_its_types_and_dates_become_text(tmp_path: Path) -> None:
    text = "a = 1\nd = 2001-02-03\nt = 01:02:03\n[s]\nok = true\nf = [1.5]\n"
    expected = {"a": 1, "d": "2001-02-03", "t": "01:02:03", "s": {"ok": True, "f": [1.5]}}
    assert data(tmp_path, "a.toml", text) == expected


def test_json_keeps_its_types(tmp_path: Path) -> None:
    text = '{"a": null, "b": [true, 1, 1.5, "x"]}'
    assert data(tmp_path, "a.json", text) == {"a": None, "b": [True, 1, 1.5, "x"]}


@pytest.mark.parametrize("name", ["a.ini", "a.cfg"])
def test_ini_sections_are_maps_of_texts(tmp_path: Path, name: str) -> None:
    text = "[DEFAULT]\nx = 1\n[Server]\nPort = 80 %(x)s\n"
    assert data(tmp_path, name, text) == {"Server": {"x": "1", "Port": "80 %(x)s"}}


@pytest.mark.parametrize("name", [".env", ".env.local", "app.env"])
def test_env_files_are_texts_and_nothing_is_expanded(tmp_path: Path, name: str) -> None:
    text = '# note\nexport A=1\nB="x $A ${A}"\nC=\n\n'
    assert data(tmp_path, name, text) == {"A": "1", "B": "x $A ${A}", "C": ""}
    assert told(tmp_path, name, "A=1\nB\n") == [f"{name}:2:1: this is not NAME=value [data-syntax]"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.yaml", "a: x"), ("a.toml", 'a = "x"'), ("a.json", '{"a": "x"}'), ("a.env", "a=x")],
)
def test_a_byte_order_mark_at_the_start_is_nothing(tmp_path: Path, name: str, text: str) -> None:
    assert data(tmp_path, name, f"\ufeff{text}") == {"a": "x"}


def test_a_number_of_thousands_of_digits_is_refused(tmp_path: Path) -> None:
    (message,) = told(tmp_path, "a.json", f'{{"a": {"9" * 5000}}}')
    assert message.startswith("a.json: Exceeds the limit")


def test_too_many_values_are_refused(tmp_path: Path) -> None:
    message = "a.json: the file holds more than 20,000 values [data-syntax]"
    assert told(tmp_path, "a.json", f'{{"a": [{"1," * 60_000}1]}}') == [message]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", ".".join("a" * 2000) + " = 1"),
        ("a.json", '{"a":' + "[" * 70 + "]" * 70 + "}"),
        ("a.json", "[" * 100_000),
    ],
)
def test_deep_nesting_is_refused(tmp_path: Path, name: str, text: str) -> None:
    expected = f"{name}: this is nested deeper than 64 levels [data-syntax]"
    assert told(tmp_path, name, text) == [expected]


def test_a_place_is_told_where_the_reader_knows_it(tmp_path: Path) -> None:
    assert told(tmp_path, "a.json", '{"a":\n}') == ["a.json:2:1: Expecting value [data-syntax]"]


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"a = '\xff'\n")
    faults = Diagnostics()
    assert read_variables(Inputs(tmp_path), "a.toml", HERE, faults) is None
    assert [(str(each.origin), each.code) for each in faults] == [("a.toml:1:6", "not-utf8")]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("v.toml", "a" + ".a" * 3000, "v.toml:1:1: this line is longer than 4096 characters"),
        ("v.ini", "[a]\nb" + " " * 6000, "v.ini:2:1: this line is longer than 4096 characters"),
        (".env", "A=1\n" * 20_000, ".env: the file is longer than 65536 characters"),
        (
            "v.ini",
            "\n".join(
                ["[DEFAULT]", *map("k{}=".format, range(3000)), *map("[s{}]".format, range(3000))]
            ),
            "v.ini: [DEFAULT] has too many values, which all sections repeat",
        ),
    ],
)
def test_what_would_take_a_parser_long_is_refused(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    (tmp_path / name).write_text(text)
    faults = Diagnostics()
    assert (
        read_variables(Inputs(tmp_path), name, Origin(file="a.yaml", line=1, column=1), faults)
        is None
    )
    assert [f"{fault.origin}: {fault.message}" for fault in faults] == [told]
