from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.spec.diagnostics import Diagnostics
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.variables import Scope
from provisioning.spec.yaml.node import Mapping, plain
from provisioning.spec.yaml.reader import parse


def resolved(text: str) -> tuple[dict[str, Any], list[str]]:
    node = parse(text, "a.yaml", Diagnostics())
    assert isinstance(node, Mapping)
    faults = Diagnostics()
    found = Scope(node.items, Inputs(Path()), faults).variables()
    variables = {name: plain(value) for name, value in found.items()}
    return variables, [f"{fault.where}: {fault.message}" for fault in faults]


def values(text: str) -> dict[str, Any]:
    found, faults = resolved(text)
    assert faults == []
    return found


def test_a_name_stands_for_its_value() -> None:
    assert values("{a: x, b: '{{a}}-{{ a }}'}")["b"] == "x-x"


def test_order_is_free() -> None:
    assert values("{a: '{{ b }}!', b: '{{ c }}?', c: x}")["a"] == "x?!"


def test_names_go_into_maps() -> None:
    assert values("{a: {b: {c: 1}}, d: '/{{ a.b.c }}'}")["d"] == "/1"


def test_names_go_through_a_placeholder() -> None:
    assert values("{a: {b: 1}, c: '{{ a }}', d: '/{{ c.b }}'}")["d"] == "/1"


def test_a_lone_placeholder_takes_the_value_as_it_is() -> None:
    found = values(
        "{port: 80, ports: ['{{ port }}', 81], all: '{{ ports }}', m: {all: '{{ all }}'}}"
    )
    assert found["m"] == {"all": [80, 81]}


@pytest.mark.parametrize("text", ["0640", "1.10", "1:30", "on", "x"])
def test_in_a_text_a_value_is_what_was_written(text: str) -> None:
    assert values(f"{{a: {text}, b: '<{{{{ a }}}}>'}}")["b"] == f"<{text}>"


def test_every_unknown_name_of_a_text_is_told() -> None:
    assert resolved("a: '{{ x }} {{ y }}'") == (
        {},
        ["a: there is no variable x", "a: there is no variable y"],
    )


def test_what_uses_a_faulty_name_is_not_told_as_well() -> None:
    found, faults = resolved("{a: '{{ x }}', b: '{{ a }}', c: ['{{ b }}!'], d: '{{ a.z }}', e: 1}")
    assert (found, set(faults)) == ({"e": 1}, {"a: there is no variable x"})


@pytest.mark.parametrize("text", ["{{", "{{ }}", "{{ a b }}", "{{ a|upper }}"])
def test_what_looks_like_a_placeholder_must_be_one(text: str) -> None:
    assert resolved(f'a: "{text}"')[1] == ["a: {{ does not start a placeholder here"]


def test_one_circle_is_one_fault() -> None:
    _, faults = resolved("{a: {b: '{{ c }}'}, c: '{{ a }}'}")
    assert set(faults) == {"a.b: this uses itself: a.b → c → a.b"}


def test_a_value_may_use_its_neighbour() -> None:
    assert values("a: {b: '{{ a.c }}', c: 1}") == {"a": {"b": 1, "c": 1}}


def test_a_long_chain_is_refused_rather_than_followed() -> None:
    text = "".join(f"v{n}: '{{{{ v{n + 1} }}}}'\n" for n in range(5000)) + "v5000: x\n"
    assert resolved(text)[1] == ["v129: the variables are nested more than 128 levels deep"]


@given(st.text(st.sampled_from("ab{} .\n"), max_size=30))
def test_any_text_is_a_value_or_a_fault(text: str) -> None:
    node = parse("{a: {b: 1}, t: x}", "a.yaml", Diagnostics())
    assert isinstance(node, Mapping)
    faults = Diagnostics()
    scope = Scope(node.items, Inputs(Path()), faults).with_text("b", text, node.origin)
    found = scope.variables()
    assert plain(found["b"]) == text
    variables, told = resolved(f"t: {text!r}") if text.isprintable() else ({"t": text}, [])
    assert ("t" in variables) != bool(told)


def test_names_that_all_use_each_other_end() -> None:
    names = [f"v{number}" for number in range(7)]
    everything = ", ".join(f"'{{{{ {name} }}}}'" for name in names)
    faults = resolved("".join(f"{name}: [{everything}]\n" for name in names))[1]
    assert 0 < len(faults) < 30
