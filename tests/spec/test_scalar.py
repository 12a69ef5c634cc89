from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from provisioning.spec.diagnostics import Diagnostics
from provisioning.spec.yaml.node import Scalar, doubt, is_ambiguous, meant
from provisioning.spec.yaml.reader import parse
from tests.spec.conftest import HEAD, Variants, report

if TYPE_CHECKING:
    from pathlib import Path


# YAML 1.2.2, section 10.3.2: the core schema, line by line.
CORE = {
    "(null|Null|NULL|~|)": lambda _: None,
    "(true|True|TRUE|false|False|FALSE)": lambda text: text.lower() == "true",
    "[-+]?[0-9]+": int,
    "0o[0-7]+": lambda text: int(text, 0),
    "0x[0-9a-fA-F]+": lambda text: int(text, 0),
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?": float,
    r"[-+]?(\.inf|\.Inf|\.INF)": lambda text: float(text.replace(".", "")),
    r"(\.nan|\.NaN|\.NAN)": lambda _: "not a number",
}
# yaml.org/type, 2005, where PyYAML reads less of it than it says.
MORE = (
    "y|Y|n|N",
    r"[-+]?([0-9][0-9_]*)?\.[0-9]+([eE][-+][0-9]+)?",
    r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*",
)
WRITTEN = st.one_of(
    st.text("0123456789_.:+-eExob", max_size=9),
    st.text("yYnNesoOfFtrualTEU~=<", max_size=5),
    st.from_regex(r"\A[-+]?0?[0-9_]{0,4}(:[0-5]?[0-9]){0,2}(\.[0-9_]{0,3})?\Z"),
    st.from_regex(r"\A[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{2}:[0-9]{2}Z?)?\Z"),
)


def older(text: str) -> Any:
    """What PyYAML makes of it, as any that reads YAML 1.1."""
    tag = yaml.resolver.Resolver().resolve(yaml.ScalarNode, text, (True, False))
    try:
        value = yaml.SafeLoader("").construct_object(yaml.ScalarNode(tag, text))
    except (ValueError, yaml.YAMLError):
        return tag
    return "not a number" if value != value else value  # noqa: PLR0124 - as only NaN is


def newer(text: str) -> Any:
    return next((make(text) for form, make in CORE.items() if re.fullmatch(form, text)), text)


def differ(text: str) -> bool:
    one, other = older(text), newer(text)
    if any(re.fullmatch(form, text) for form in MORE) and isinstance(one, str):
        return True
    return one != other or isinstance(one, str) != isinstance(other, str)


@given(WRITTEN)
@example("1_000")
@example("022")
@example("08")
@example("0o17")
@example("0b11")
@example("-0x1F")
@example("1e3")
@example("+.5")
@example("16:30")
@example("1:30.5")
@example("2026-01-01")
@example("=")
@example("0_8")
@example("-.0_")
def test_ambiguous_is_what_yaml_1_1_and_1_2_read_differently(text: str) -> None:
    if differ(text):
        assert is_ambiguous(text)
    elif is_ambiguous(text):
        # Zeros in front of a number are lost, to both alike; and yaml.v3 of Go takes underscores
        # out of whatever looks like a number.
        assert re.match("[-+]?0[0-9]", text) or "_" in text


@pytest.mark.parametrize(
    "text",
    [
        *("true", "False", "null", "~", "0", "8080", "-5", "1.5", "0x1F", ".inf", "text"),
        *("1.2.3", "10.0.0.1", "1.0rc1", "06:30", "0x1.8p3", "v1", "none", "a:b", ".", "-"),
        *("127.0.0.1:80", "2026-01", "1e", "0o8", "0xg", "::1", "00:1a:2b:3c:4d:5e"),
    ],
)
def test_what_all_take_for_the_same_needs_no_quotes(text: str) -> None:
    assert not is_ambiguous(text)


def scalar(text: str) -> Scalar:
    node = parse(text, "a.yaml", Diagnostics())
    assert isinstance(node, Scalar)
    return node


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_is_written_as_it_is_printed_needs_no_quotes(number: float) -> None:
    if re.fullmatch(r"-?[0-9]{1,90}(\.[0-9]+)?", str(number)):
        assert not doubt(scalar(str(number)))


@pytest.mark.parametrize("text", ["1.10", ".5", "5.", "+5", "0x1F", "1.50e+3", "007", "0.10"])
def test_a_number_that_would_be_printed_otherwise_is_doubted(text: str) -> None:
    assert doubt(scalar(text)).endswith(" here")
    assert not doubt(scalar(f'"{text}"'))
    assert not doubt(scalar(meant(scalar(text))))


def test_a_word_is_asked_for_once_however_many_aliases_it_has(tmp_path: Path) -> None:
    text = "x-a: &a {b: no}\nvariables: {one: *a, two: *a}\n"
    assert report(tmp_path, {"specs/app.yaml": HEAD + text}).count("[ambiguous]") == 1


def test_what_files_of_variables_say_is_taken_as_it_is_written(variants: Variants) -> None:
    files = {
        "a.yaml": "{at: 16:30, on: no, n: [022, 1_000, 1e3], d: 2026-01-01, o: 0o17, e: =}",
        "a.env": "B=no\nC=022",
    }
    read = variants("variables_from: [a.yaml, a.env]\nvariables: {s: '{{ on }}'}\n", **files)
    one = read["mac-mini"]
    assert {key: one.variables[key] for key in ("at", "on", "n", "d", "o", "e", "B", "C")} == {
        "at": "16:30",
        "on": "no",
        "n": ["022", "1_000", "1e3"],
        "d": "2026-01-01",
        "o": "0o17",
        "e": "=",
        "B": "no",
        "C": "022",
    }
    places = {("at",), ("on",), ("n", 0), ("n", 1), ("n", 2), ("d",), ("o",), ("e",), ("s",)}
    assert set(one.doubtful) == places


def test_keys_of_files_of_variables_are_taken_as_they_are_written(variants: Variants) -> None:
    read = variants("variables_from: [a.yaml]\n", **{"a.yaml": "{on: 1, 08: 2, y: 3}"})
    assert read["mac-mini"].variables.items() >= {"on": 1, "08": 2, "y": 3}.items()


def test_a_key_that_is_no_text_to_all_is_refused() -> None:
    faults = Diagnostics()
    parse("{1e3: a, 0o17: b, 2026-01-01: c, x: 1, y: 2, N: 3}", "a.yaml", faults)
    assert [(fault.code, fault.message) for fault in faults] == [
        ("key-not-text", "1e3 is text to YAML 1.1, and the number 1000.0 to YAML 1.2"),
        ("key-not-text", "0o17 is text to YAML 1.1, and the number 15 to YAML 1.2"),
        ("key-not-text", "2026-01-01 is a date to YAML 1.1, and text to YAML 1.2"),
    ]
