"""What is said of text that is no YAML; the mistakes people make stand in golden/yaml-*.txt."""

from __future__ import annotations

import pytest

from provisioning.spec.diagnostics import Diagnostics
from provisioning.spec.yaml.reader import parse

LEFTOVER = "check the indentation, quotes and brackets up to here; put quotes around text"


def told(text: str) -> tuple[str, str]:
    faults = Diagnostics()
    assert parse(text, "a.yaml", faults) is None
    (fault,) = faults
    return f"{fault.origin.line}:{fault.origin.column}: {fault.message}", fault.hint


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "%YAML 3.0\n---\na: b",
            "1:1: invalid YAML: found incompatible YAML document",
            LEFTOVER,
        ),
        (
            "a: !<b",
            "1:4: an unquoted value cannot start with !, which starts a tag",
            'quote it: "!<b"',
        ),
        ('a: b: "' + "x" * 100 + '"', '1:5: a value that holds ": " needs quotes', 'write a: "…"'),
        ("a: b: " + "x" * 600, '1:5: a value that holds ": " needs quotes', 'write a: "…"'),
        ("- - a: b: c", '1:9: a value that holds ": " needs quotes', 'write a: "b: c"'),
        (
            "a: {b: 'c'd}",
            "1:11: this follows the closing quote",
            "quote the whole value; one with an apostrophe takes double quotes",
        ),
        (
            "a: *b # c",
            "1:4: this is an alias, and there is no anchor &b above it",
            'quote it: "*b"',
        ),
        (
            "a: &b {x: *c}",
            "1:11: this is an alias, and there is no anchor &c above it",
            'quote it: "*c"',
        ),
    ],
)
def test_what_is_no_yaml_is_explained(text: str, message: str, hint: str) -> None:
    assert told(text) == (message, hint)
