from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from provisioning.builder.collect.expand import templates_of
from provisioning.builder.collect.sources import Sources
from provisioning.builder.plan.needs import includes
from provisioning.builder.render import render as rendering
from provisioning.builder.render.render import Templates, render, render_all
from provisioning.spec.diagnostics import SpecError
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out


def _render(text: str, **variables: Any) -> str:
    write("t.j2", text)
    return Templates().render("t.j2", variables).content.decode()


def _refused(text: str, **variables: Any) -> str:
    """The first line of each fault's report; the whole reports are in golden/."""
    write("x.j2")
    with pytest.raises(SpecError) as caught:
        _render(text, **variables)
    faults = caught.value.diagnostics
    return "\n".join(f"{fault.origin}: {fault.message} [{fault.code}]" for fault in faults)


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
    refused = "t.j2:1:13: out/key: no such template in the project [missing-template]"
    assert _refused("{% include 'out/key' %}") == refused
    write("config/t.j2", "{% include '../../secret/key' %}")
    with pytest.raises(SpecError) as caught:
        Templates().render("config/t.j2", {})
    assert [fault.hint for fault in caught.value.diagnostics] == [""]


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
        ("a\n{{ prot }}", "2:4: there is no variable prot [undefined-variable]"),
        ("{{ port.x.y }}", "1:9: there is no x in this number [undefined-variable]"),
        (
            "a\nb\n{% if %}",
            "3:1: Expected an expression, got 'end of statement block' [template-syntax]",
        ),
        ("{{ '{' }}{{ \\ }}", "1:13: unexpected char '\\\\' [template-syntax]"),
        (
            "{{a.__class__}}",
            "1:5: access to attribute '__class__' of 'list' object is unsafe [template-error]",
        ),
        (
            "{{ a.append(1) }}",
            "1:6: access to attribute 'append' of 'list' object is unsafe [template-error]",
        ),
        ("a\n{{ 1 | nosuch }}", "2:8: No filter named 'nosuch' [template-syntax]"),
        (
            "{% include '/x.j2' %}",
            "1:13: /x.j2: no such template in the project [missing-template]",
        ),
        (
            "{% include 'x' '.j2' %}",
            "1:1: x.j2: write this name as one plain string [template-name]",
        ),
        (
            "{{ {}.items }}",
            "1:1: a builtin_function_or_method cannot be printed as text [template-error]",
        ),
        ("{{ [1] | random }}", "1:10: No filter named 'random' [template-syntax]"),
        ("{{ 1 / 0 }}", "1:1: division by zero [template-error]"),
        ("{{ 1 / 0 }}{{ 1 }}", "1:1: division by zero [template-error]"),
        (
            "{{ 2 ** 'x' }}",
            "1:1: unsupported operand type(s) for ** or pow(): 'int' and 'str' [template-error]",
        ),
        (
            "\n{% include 'none.j2' %}",
            "2:13: none.j2: no such template in the project [missing-template]",
        ),
        (
            "{% include name %}",
            "1:1: the name of the other template must be written out [template-name]",
        ),
        (
            "{% include '../secret' %}",
            "1:13: ../secret: no such template in the project [missing-template]",
        ),
        ("{% include 't.j2' %}", "1:1: includes or calls itself without end [template-limit]"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, told: str) -> None:
    assert _refused(text, port=1, a=[]) == f"t.j2:{told}"


def test_no_way_leads_to_python() -> None:
    told = "t.j2:1:5: access to attribute '__class__' of 'list' object is unsafe [template-error]"
    assert _refused("{{a.__class__}}", a=[]) == told


def test_all_other_templates_that_cannot_be_read_are_told_at_once() -> None:
    assert _refused("{% include 'a.j2' %}{% import 'b.j2' as b %}\n{% include c %}") == (
        "t.j2:1:13: a.j2: no such template in the project [missing-template]\n"
        "t.j2:1:32: b.j2: no such template in the project [missing-template]\n"
        "t.j2:2:1: the name of the other template must be written out [template-name]"
    )


def test_multiplying_numbers_is_fine() -> None:
    assert _render("{{ 3 * 4 }}{{ 2 ** 8 }}{{ 'ab' * 2 }}") == "12256abab"


def test_output_that_is_no_utf_8_is_refused() -> None:
    assert _refused("{{ '\\ud800' }}").startswith("t.j2: 'utf-8' codec can't encode character")


def test_a_template_must_be_text() -> None:
    Path("t.j2").write_bytes(b"a\n{{ x }}\xff")
    with pytest.raises(SpecError) as caught:
        Templates().render("t.j2", {})
    assert str(caught.value) == (
        "t.j2:2:1: this is not text in UTF-8 [not-utf8]\n"
        "    2 | {{ x }}\ufffd\n"
        "      | ^^^^^^^\n"
        "  help: save the file as UTF-8"
    )


def test_a_template_that_vanished_is_told() -> None:
    with pytest.raises(SpecError) as caught:
        Templates().render("none.j2", {})
    assert str(caught.value) == "none.j2: no such template in the project [missing-template]"


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
    (layout,) = lay_out([variant(content("template", "a.j2", "a"))], Sources("artifacts"))
    with pytest.raises(SpecError) as caught:
        render(layout.variant, templates_of(layout.items), tmp_path / "into")
    (fault,) = caught.value.diagnostics
    assert (fault.code, fault.message) == ("template-limit", "needs too much memory")


def test_a_template_that_needs_too_much_time_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "CPU_SECONDS", 1)
    write("a.j2", "a")
    write("b.j2", "{% for i in range(99999) %}" * 3 + "{% endfor %}" * 3)
    contents = content("template", "a.j2", "a"), content("template", "b.j2", "b", number=1)
    (layout,) = lay_out([variant(*contents)], Sources("artifacts"))
    with pytest.raises(SpecError) as caught:
        render_all(layout.variant, templates_of(layout.items))
    assert str(caught.value) == (
        "b.j2: a template needs more than 1 s of processor time [template-limit]\n"
        "  specs/demo.yaml:11:5: rendered here: contents[1]\n"
        "  help: the templates of a package share this time; it ran out in this one"
    )


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("{{ v }} {{ v ~ '' }} {{ n.l }}", "no no ['022']"),
        ("{{ v|upper }} {{ v|tojson }} {{ [v]|join }} {{ '%s' % v }}", 'NO "no" no no'),
        (
            "{{ v == 'no' }} {{ v != 'no' }} {{ v is none }} {{ v == none }}",
            "True False False False",
        ),
        ("{{ {'no': 1}[v] }} {{ v in ['yes', 'no'] }} {{ n.l[0]|int }}", "1 True 22"),
    ],
)
def test_what_readers_of_yaml_do_not_agree_on_is_printed_as_it_was_written(
    text: str, becomes: str
) -> None:
    write("t.j2", text)
    places = (("v",), ("n", "l", 0))
    made = variant(variables={"v": "no", "n": {"l": ["022"]}}, doubtful=places)
    assert render_all(made, {"t": "t.j2"})["t"].content.decode() == becomes


@pytest.mark.parametrize(
    "text",
    [
        "{% if v %}{% endif %}",
        "{{ 'x' if not v }}",
        "{{ v and 1 }}",
        "{{ v|default(1, true) }}",
        "{{ [v]|select|list }}",
        "{{ v == false }}",
        "{{ v != 18 }}",
        "{{ v in [18] }}",
        "{{ v * 2 }}",
        "{{ 2 * v }}",
    ],
)
def test_no_condition_and_no_sum_is_made_of_it(text: str) -> None:
    write("t.j2", text)
    made = variant(content("template", "t.j2", "t"), variables={"v": "no"}, doubtful=(("v",),))
    with pytest.raises(SpecError) as caught:
        render_all(made, {"t": "t.j2"})
    (fault,) = caught.value.diagnostics
    assert (fault.message, fault.hint) == (
        "no is text here, but some YAML readers take it for a boolean or a number",
        "compare it with text, as in == 'no', or write another value in its file",
    )
