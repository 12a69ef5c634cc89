from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from provisioning.build.includes import includes
from provisioning.build.layout import lay_out
from provisioning.build.render import Templates, render
from provisioning.errors import BuildError
from tests.build.conftest import content, variant, write


def _render(text: str, **variables: Any) -> str:
    write("t.j2", text)
    return Templates().render("t.j2", variables).content.decode()


def _refused(text: str, **variables: Any) -> str:
    write("x.j2")
    with pytest.raises(BuildError) as caught:
        _render(text, **variables)
    return str(caught.value)


def test_variables_are_filled_in_and_the_final_newline_stays() -> None:
    assert _render("port = {{ net.port }}\n", net={"port": 1}) == "port = 1\n"


def test_nothing_is_escaped() -> None:
    assert _render("{{ a }}", a="<&>") == "<&>"


def test_loops_may_ask_where_they_are() -> None:
    text = "{% for k, v in m.items() %}{{ loop.index }}{{ k }}{{ v }}{{ loop.last }} {% endfor %}"
    assert _render(text, m={"a": 1, "b": 2}) == "1a1False 2b2True "


def test_included_templates_are_found_from_the_project() -> None:
    write("config/part.j2", "[{{ x }}]")
    assert _render('{% include "config/part.j2" %}', x=1) == "[1]"


def test_nothing_is_included_from_outside_the_project(tmp_path: Path) -> None:
    Path("project").mkdir()
    os.chdir("project")
    write("../secret/key", "secret")
    os.symlink("../secret", "out")
    refused = "t.j2:1: out/key: no such template in the project"
    assert _refused("{% include 'out/key' %}") == refused


def test_a_missing_include_may_be_ignored() -> None:
    assert _render('a{% include "none.j2" ignore missing %}') == "a"


def test_the_names_that_are_looked_at_are_reported_present_or_not() -> None:
    write("part.j2", "{{ b }}")
    write(
        "t.j2", "{{ a }}{% include 'part.j2' %}{% set d = 1 %}{{ d }}{{ range }}{{ e is defined }}"
    )
    uses = Templates().render("t.j2", {"a": 1, "b": 2, "c": 3, "range": 4}).uses
    assert uses == {"a", "b", "e", "range"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\n{{ prot }}", "t.j2:2: 'prot' is undefined; did you mean 'port'?"),
        ("{{ zzz }}", "t.j2:1: 'zzz' is undefined"),
        ("{{ port.x.y }}", "t.j2:1: 'int object' has no attribute 'x'"),
        ("a\nb\n{% if %}", "t.j2:3: Expected an expression, got 'end of statement block'"),
        ("{{a.__class__}}", "t.j2:1: access to attribute '__class__' of 'list' object is unsafe."),
        ("{{ a.append(1) }}", "t.j2:1: access to attribute 'append' of 'list' object is unsafe."),
        ("a\n{{ 1 | nosuch }}", "t.j2:2: No filter named 'nosuch'."),
        ("{% include '/x.j2' %}", "t.j2:1: /x.j2: no such template in the project"),
        ("{% include 'x' '.j2' %}", "t.j2:1: x.j2: write this name as one plain string"),
        ("{{ {}.items }}", "t.j2:1: a builtin_function_or_method has no text of its own"),
        ("{{ [1] | random }}", "t.j2:1: No filter named 'random'."),
        ("{{ 1 / 0 }}", "t.j2:1: division by zero"),
        ("{{ 2 ** 999999999 }}", "t.j2:1: the result of ** would be too large"),
        ("{{ 'x' * 9999999999 }}", "t.j2:1: the result of * would be too large"),
        ("{{ 9999999999 * [1] }}", "t.j2:1: the result of * would be too large"),
        ("\n{% include 'none.j2' %}", "t.j2:2: none.j2: no such template in the project"),
        ("{% include name %}", "t.j2:1: the name of the other template must be written out"),
        ("{% include '../secret' %}", "t.j2:1: ../secret: no such template in the project"),
        ("{% include 't.j2' %}", "t.j2:1: includes or calls itself without end"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_template_and_line(text: str, told: str) -> None:
    assert _refused(text, port=1, a=[]) == told


def test_a_loop_without_end_is_stopped() -> None:
    inner = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3
    assert _refused(inner) == "t.j2:1: loops for more than 1,000,000 steps"


def test_multiplying_numbers_is_fine() -> None:
    assert _render("{{ 3 * 4 }}{{ 2 ** 8 }}{{ 'ab' * 2 }}") == "12256abab"


def test_output_that_is_no_utf_8_is_refused() -> None:
    assert _refused("{{ '\\ud800' }}").startswith("t.j2: 'utf-8' codec can't encode character")


def test_a_template_must_be_text() -> None:
    Path("t.j2").write_bytes(b"\xff")
    with pytest.raises(BuildError) as caught:
        Templates().render("t.j2", {})
    assert str(caught.value) == "t.j2: not UTF-8: invalid start byte at byte 0"


def test_a_template_that_vanished_is_told() -> None:
    with pytest.raises(BuildError) as caught:
        Templates().render("none.j2", {})
    assert str(caught.value) == "none.j2: no such template in the project"


def test_all_faulty_templates_of_a_layout_are_told_at_once(tmp_path: Path) -> None:
    write("a.j2", "{{ x }}")
    write("b.j2", "{{ y }}")
    contents = content("template", "a.j2", "a"), content("template", "b.j2", "b", number=1)
    (layout,) = lay_out([variant(*contents)], "artifacts")
    with pytest.raises(BuildError) as caught:
        render(layout, tmp_path / "into")
    assert str(caught.value) == "a.j2:1: 'x' is undefined\nb.j2:1: 'y' is undefined"


def test_includes_are_known_without_rendering() -> None:
    write("t.j2", "{% extends 'base.j2' %}{%- include ['a.j2', \"none.j2\"] -%}")
    write("base.j2", "{% from 'macros.j2' import x %}{{ 'include' }}")
    write("a.j2", "{% import 't.j2' as t %}")
    write("macros.j2", "")
    assert includes("t.j2") == {"base.j2", "a.j2", "macros.j2"}


def test_the_includes_of_a_template_that_is_gone_are_none() -> None:
    assert includes("none.j2") == set()


def test_a_template_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    write("a.j2", "{{ 'x' | center(3000000000) }}")
    (layout,) = lay_out([variant(content("template", "a.j2", "a"))], "artifacts")
    with pytest.raises(BuildError) as caught:
        render(layout, tmp_path / "into")
    assert str(caught.value) == "a.j2:1: needs too much memory"
