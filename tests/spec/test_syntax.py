"""What is said of text that is no YAML; the mistakes people make stand in golden/yaml-*.txt."""

from __future__ import annotations

import pytest

from provisioning.spec.diagnostics import Diagnostics
from provisioning.spec.yaml.reader import parse

LEFTOVER = "look for a quote or a bracket that is not closed; quote what is text"


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
            "1:1: this is no YAML: found incompatible YAML document",
            LEFTOVER,
        ),
        (
            "k" * 1100 + ": b",
            "1:1101: a key is longer than 1,024 characters",
            "choose a shorter one",
        ),
        (
            "a: {b:?c}",
            "1:6: a space is missing after this colon",
            "write a space after it, or quote a value that holds a colon",
        ),
        ("...\n", "1:1: a value is missing here", 'write "" for an empty text'),
        (
            "a: |0\n b",
            "1:4: nothing can follow | in its line",
            'quote it: "|0"; or start the text in the next line',
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
            "a: ['b', c: d: e]",
            "1:14: a second colon in one value",
            'separate what is in brackets with commas; quote a value that holds ": "',
        ),
        (
            "a: [b: - c]",
            "1:8: a dash cannot stand in brackets",
            "write [a, b], or one dash in each line and no brackets",
        ),
        (
            "a: {b: 'c'd}",
            "1:11: this follows the closing quote",
            "quote the whole value; one with an apostrophe takes double quotes",
        ),
        (
            "a: 'b'\n\n# c\n\n  d: e",
            "5:3: this key is not aligned with those above",
            "start it in column 1",
        ),
        (
            "- |\n\nb: c",
            "3:1: a key cannot stand among the items of a list",
            "start it left of the dashes, or with a dash",
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
