from __future__ import annotations

from provisioning.spec.diagnostics import Diagnostics
from provisioning.spec.yaml.node import Mapping, Origin, plain
from provisioning.spec.yaml.reader import parse


def read(text: str) -> Mapping:
    node = parse(text, "a.yaml", Diagnostics())
    assert isinstance(node, Mapping)
    return node


def test_an_origin_is_spelt_as_editors_do() -> None:
    assert str(Origin(file="specs/a.yaml", line=3, column=7)) == "specs/a.yaml:3:7"


def test_a_file_as_a_whole_has_no_line() -> None:
    assert str(Origin(file="specs", line=0, column=1)) == "specs"


def test_plain_data_is_what_was_written() -> None:
    text = "{a: [1, 2.5, yes, ~, x], b: {c: 2001-02-03}}"
    assert plain(read(text)) == {"a": [1, 2.5, True, None, "x"], "b": {"c": "2001-02-03"}}


def test_what_is_not_there_is_empty() -> None:
    node = read("a: 1")
    assert (node.mapping("a").items, node.sequence("b")) == ({}, ())


def test_keys_can_be_left_out() -> None:
    assert plain(read("{a: 1, b: 2, c: 3}").without("a", "c")) == {"b": 2}
