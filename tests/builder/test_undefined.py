"""What nobody has defined: whatever uses it is a fault, and asking whether it is there is none."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.builder.collect.expand import templates_of
from provisioning.builder.collect.sources import Sources
from provisioning.builder.render import render
from provisioning.builder.render.render import Templates, render_all
from provisioning.spec.diagnostics import SpecError
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out

VARIABLES = {"port": 1, "server": {"host": "h"}, "servers": [{"name": "a"}], "range": 4}
USES = [
    "{{ nmae }}",
    "{{ nmae.a.b }}",
    "{{ nmae['a'][0] }}",
    "{{ nmae(1, a=2) }}",
    "{{ nmae.items() }}",
    "{{ nmae | default }}{{ nmae }}",
    "{{ nmae.a | default(1) }}",
    "{{ nmae.a is defined }}",
    "{{ nmae | upper }}",
    "{{ nmae | int }}",
    "{{ nmae | float }}",
    "{{ nmae | abs }}",
    "{{ nmae | round }}",
    "{{ nmae | length }}",
    "{{ nmae | list }}",
    "{{ nmae | tojson }}",
    "{{ {'a': [nmae]} | tojson }}",
    "{{ [nmae] }}",
    "{{ (nmae,) }}",
    "{{ {'a': nmae} }}",
    "{{ {nmae: 1} }}",
    "{{ -nmae }}",
    "{{ +nmae }}",
    "{{ not nmae }}",
    "{{ nmae == 1 }}",
    "{{ nmae != 1 }}",
    "{{ nmae < 1 }}",
    "{{ nmae <= 1 }}",
    "{{ nmae > 1 }}",
    "{{ nmae >= 1 }}",
    "{{ 1 in nmae }}",
    "{{ nmae in [1] }}",
    "{{ nmae in server }}",
    "{{ server[nmae] }}",
    "{{ servers[nmae] }}",
    "{{ range[nmae] }}",
    "{{ '%s' % nmae }}",
    "{{ '%d' % nmae }}",
    "{{ '{:d}'.format(nmae) }}",
    "{{ ''.join(nmae) }}",
    "{{ 'a' ~ nmae }}",
    "{{ 'abc'[nmae:] }}",
    "{{ nmae | e }}",
    *(f"{{{{ nmae {operator} 2 }}}}" for operator in ("+", "-", "*", "/", "//", "%", "**")),
    *(f"{{{{ 2 {operator} nmae }}}}" for operator in ("+", "-", "*", "/", "//", "%", "**")),
    "{% if nmae %}{% endif %}",
    "{{ 1 if nmae else 2 }}",
    "{% for a in nmae %}{{ loop.index }}{% endfor %}",
    "{% for a in nmae recursive %}{{ loop(a) }}{% endfor %}",
    "{% set a = nmae %}{% set b = a %}\n{{ b }}",
    "{% macro m(a) %}\n{{ a }}\n{% endmacro %}{{ m(nmae) }}",
    "{% block b %}{{ nmae }}{% endblock %}",
    "{% filter upper %}{{ nmae }}{% endfilter %}",
    "{% set a %}{{ nmae }}{% endset %}",
    "{% with a = nmae %}{{ a }}{% endwith %}",
    "{% call(a) nmae() %}{% endcall %}",
    "{% for a in range2 | default([1]) %}{{ nmae }}{% endfor %}",
]
QUESTIONS = [
    ("{{ nmae is defined }}{{ nmae is undefined }}", "FalseTrue"),
    ("{{ nmae | default(1) }}{{ nmae | d }}", "1"),
    ("{{ nmae | default(1, true) }}{{ '' | default(2, true) }}", "12"),
    ("{{ server.prot | default(1) }}{{ server.prot is defined }}", "1False"),
    ("{{ server['prot'] | default(1) }}{{ servers[7] | default(2) }}", "12"),
    ("{% if nmae is defined and nmae > 1 %}a{% else %}b{% endif %}", "b"),
    ("{{ nmae if nmae is defined else 'none' }}", "none"),
    ("{% set a = nmae %}{{ a is defined }}", "False"),
    ("{{ 'a' if false }}", ""),
    ("{{ servers | map(attribute='prot', default=7) | list }}", "[7]"),
    ("{{ [] | first | default('a') ~ 'b' }}", "ab"),
]


def _faults(text: str, **files: str) -> list[str]:
    """Each fault of the template `t`, which must have one: its place and its message."""
    for name, written in {"t": text, **files}.items():
        write(name, written)
    with pytest.raises(SpecError) as caught:
        Templates().render("t", VARIABLES)
    return [f"{fault.origin}: {fault.message}" for fault in caught.value.diagnostics]


def _rendered(text: str, **variables: Any) -> str:
    write("t", text)
    return Templates().render("t", {**VARIABLES, **variables}).content.decode()


@pytest.mark.parametrize("text", USES)
def test_a_use_is_told_where_the_name_stands_and_is_not_the_end(text: str) -> None:
    lines = text[: text.rindex("nmae")].split("\n")
    place = f"t:{len(lines)}:{len(lines[-1]) + 1}"
    told, last = _faults(f"{text}\n\n\n{{{{ zzz }}}}")
    assert told.split(": ")[1] == "there is no variable nmae"
    assert told.split(": ")[0] in (place, f"t:1:{text.index('nmae') + 1}")
    assert last.endswith(": there is no variable zzz")


@pytest.mark.parametrize("text", USES)
def test_a_use_in_an_included_template_is_told_there(text: str) -> None:
    assert {told[:2] for told in _faults("{% include './p' %}", p=text)} == {"p:"}


@pytest.mark.parametrize(("text", "becomes"), QUESTIONS)
def test_to_ask_for_a_name_is_no_use_of_it(text: str, becomes: str) -> None:
    assert _rendered(text) == becomes


def test_what_comes_after_a_use_is_looked_at_as_well() -> None:
    text = "{% for a in nope %}{% endfor %}{{ nmae.a }}\n{{ server.prot.x }}\n{{ servers[0].x }}"
    assert _faults(text) == [
        "t:1:13: there is no variable nope",
        "t:1:35: there is no variable nmae",
        "t:2:11: there is no prot in this map",
        "t:3:15: there is no x in this map",
    ]


def test_an_error_that_a_use_may_have_caused_is_not_told_beside_it() -> None:
    assert _faults("{{ 1 // (nmae | int) }}") == ["t:1:10: there is no variable nmae"]


def test_a_name_in_a_loop_is_told_once() -> None:
    text = "{% for a in 'xyz' %}{{ nmae }}{{ server[a] }}{% endfor %}"
    assert _faults(text) == [
        "t:1:1: there is no x in this map",
        "t:1:24: there is no variable nmae",
    ]


def test_a_use_that_is_repeated_costs_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "CPU_SECONDS", 3)
    write("t", "{% for a in range(99999) %}{{ nmae }}{% endfor %}")
    (layout,) = lay_out([variant(content("template", "t", "t"))], Sources("artifacts"))
    with pytest.raises(SpecError) as caught:
        render_all(layout.variant, templates_of(layout.items))
    assert [fault.code for fault in caught.value.diagnostics] == ["undefined-variable"]


@pytest.mark.parametrize(
    "text",
    [
        "{{ [] | first }}",
        "{{ ([] | first) ~ 'x' }}",
        "{{ 'x' ~ ([] | first | upper) }}",
        "{% if [] | first %}{% endif %}",
        "{% set a = [] | first %}{{ a }}",
    ],
)
def test_what_the_compiler_could_work_out_is_told_where_it_is_rendered(text: str) -> None:
    (told,) = _faults("\n{% include 'p' %}", p=f"a\n{text}\n")
    assert told.startswith("p:2:1: No first item, sequence was empty")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("{}", "this map"),
        ("[]", "this list"),
        ("(1, 2)", "this list"),
        ("'a'", "this text"),
        ("1", "this number"),
        ("1.5", "this number"),
        ("true", "this boolean"),
        ("none", "an empty value"),
        ("namespace()", "this value"),
    ],
)
def test_the_kind_of_what_lacks_something_is_told(value: str, kind: str) -> None:
    assert _faults(f"{{{{ ({value}).x }}}}") == [f"t:1:{len(value) + 7}: there is no x in {kind}"]
