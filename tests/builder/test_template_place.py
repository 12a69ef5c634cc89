from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.builder.render.sandbox import TemplateLine, attribute, variable, word
from tests.builder.conftest import write


def _place(text: str, number: int, pattern: str = "") -> tuple[int, int]:
    write("t", text)
    origin = TemplateLine("t", number).origin(pattern)
    return origin.line, origin.column


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = {{ a }}", (1, 8)),
        ("a {{ ba + ab + _a + a }}", (1, 21)),
        ("{{ b }} a {{ 'a' ~ x.a ~ a }}", (1, 26)),
        ("{# {{ a }} #}{{ a }}", (1, 17)),
        ("{% if a %}{% endif %}", (1, 7)),
        ("{%- if b and\n  not a -%}{% endif %}", (2, 7)),
        ("{{ b\n }}{{ a }}", (1, 1)),
        (" {{ b }} a {{ c }}", (1, 1)),
        ("  {{ b }} a", (1, 3)),
        ("a", (1, 1)),
        ("{# {{ a }}", (1, 1)),
        ("{{ a", (1, 4)),
        ("\ufeff{{ a }}", (1, 4)),
    ],
)
def test_a_variable_is_found_in_the_tags_of_its_line(text: str, place: tuple[int, int]) -> None:
    assert _place(text, 1, variable("a")) == place


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("{{ a.a }}", 6),
        ("{{ a['a'] }}", 7),
        ('{{ a["a"] }}', 7),
        ("{{ x | map(attribute='b.a') }}", 25),
        ("{{ x | map(attribute='a.b') }}", 23),
        ("{{ [a, 'ab'] }}", 1),
    ],
)
def test_an_attribute_is_found_where_a_value_is_asked_for_it(text: str, column: int) -> None:
    assert _place(text, 1, attribute("a")) == (1, column)


def test_an_index_is_found_in_its_brackets() -> None:
    assert _place("{{ 7 + x[7] }}", 1, attribute("7")) == (1, 10)


def test_a_word_may_hold_any_character() -> None:
    assert _place("{% include 'a+b.j2' %}", 1, word("a+b.j2")) == (1, 13)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(end: str) -> None:
    Path("t").write_bytes(f"a{end}{end}b {{{{ c }}}}{end}".encode())
    assert TemplateLine("t", 3).origin(variable("c")).column == 6


def test_a_tag_that_began_in_a_line_above_is_looked_at_from_this_line_on() -> None:
    assert _place("{{ a +\n  b + a }}", 2, variable("a")) == (2, 7)


def test_a_template_as_a_whole_and_one_that_is_gone_have_no_place_inside() -> None:
    assert _place("{{ a }}", 0, variable("a")) == (0, 1)
    assert _place("{{ a }}", 9, variable("a")) == (9, 1)
    assert TemplateLine("none", 1).origin(variable("a")).column == 1
