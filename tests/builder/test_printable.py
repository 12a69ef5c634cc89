from __future__ import annotations

import pytest

from provisioning.builder.render.render import Templates
from provisioning.spec.diagnostics import SpecError
from tests.builder.conftest import write

VARIABLES = {"ports": [1, 2], "name": "a", "d": {"k": 1}}
ODD = {
    "map": "ports|map('string')",
    "select": "ports|select",
    "batch": "ports|batch(1)",
    "slice": "ports|slice(1)",
    "unique": "ports|unique",
    "reversed": "ports|reverse",
    "items": "d|items",
    "range": "range(3)",
    "method": "name.upper",
    "method of a map": "d['keys']",
    "keys": "d.keys()",
    "values": "d.values()",
    "bytes": "name.encode()",
    "macro": "m",
    "function": "range",
    "type": "dict",
    "namespace": "namespace(a=1)",
    "template": "self",
}
WAYS = [
    "{{ O }}",
    "{{ 'a ' ~ O }}",
    "{{ (O)|string }}",
    "{{ (O)|upper }}",
    "{{ (O)|e }}",
    "{{ (O)|safe }}",
    "{{ (O)|trim }}",
    "{{ (O)|indent }}",
    "{{ (O)|pprint }}",
    "{{ (O)|tojson }}",
    "{{ {'k': [O]}|tojson }}",
    "{{ [O]|join(',') }}",
    "{{ ['x', [O]]|join(',') }}",
    "{{ ['x']|join(O) }}",
    "{{ '%s' % (O) }}",
    "{{ '%s' % (O,) }}",
    "{{ '%(x)r' % {'x': [O]} }}",
    "{{ '%s'|format(O) }}",
    "{{ '%(x)s'|format(x=O) }}",
    "{{ '{}'.format(O) }}",
    "{{ '{x!r}'.format(x=[O]) }}",
    "{{ '{x}'.format_map({'x': O}) }}",
    "{{ ('%s'|safe) % (O) }}",
    "{{ ('{}'|safe).format(O) }}",
    "{{ ('-'|safe).join([O]) }}",
    "{{ [1, [O]] }}",
    "{{ {'k': (O,)} }}",
    "{{ {'k': O}|xmlattr }}",
    "{{ {'k': O}|urlencode }}",
    "{{ [O]|map('string')|join }}",
    "{{ [[O]]|map('upper')|list }}",
    "{{ 'x'|replace('x', O) }}",
    "{% set x %}{{ [O]|string }}{% endset %}{{ x }}",
    "{% filter replace('x', O) %}x{% endfilter %}",
    "{% macro n(a) %}{{ a ~ '' }}{% endmacro %}{{ n(O) }}",
]
MACRO = "{% macro m() %}{% endmacro %}"


def _refused(text: str) -> tuple[str, str]:
    write("p.j2", "part")
    write("t.j2", text)
    with pytest.raises(SpecError) as caught:
        Templates().render("t.j2", VARIABLES)
    (fault,) = caught.value.diagnostics
    return f"{fault.origin}: {fault.message} [{fault.code}]", fault.hint


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_has_no_text_of_its_own_is_refused_wherever_a_text_is_made(odd: str) -> None:
    told = {way: _refused(MACRO + way.replace("O", odd))[0] for way in WAYS}
    reasons = ("has no text of its own [template-error]", "has no JSON of its own [template-error]")
    assert [way for way in WAYS if not told[way].endswith(reasons)] == []


@pytest.mark.parametrize(
    "text",
    [
        "{{ [name]|join(',', attribute='upper') }}",
        "{{ [name]|map(attribute='upper')|join }}",
        "{{ [name]|map(attribute='upper')|list }}",
        "{{ ('-'|safe).join([name]|map(attribute='upper')) }}",
        "{{ '{0.upper}'.format(name) }}",
        "{{ ('{0.upper}'|safe).format(name) }}",
        "{{ '{0[k].real}{0.keys}'.format(d) }}",
        "{{ '{:{}}'.format(1, name.upper) }}",
        "{{ ('%a'.encode() % (name.upper,)).decode() }}",
        "{% for n in ports %}{{ loop ~ '' }}{% endfor %}",
        "{% import 'p.j2' as t %}{{ t ~ '' }}",
        "{% macro m() %}{{ caller ~ '' }}{% endmacro %}{% call m() %}{% endcall %}",
    ],
)
def test_a_method_or_a_part_of_a_template_has_no_text_either(text: str) -> None:
    assert _refused(text)[0].endswith(" has no text of its own [template-error]")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{ 'a ' ~ ports|map('string') }}", "write |list or |join(', ') behind it"),
        ("{{ 'a ' ~ range(3) }}", "write |list or |join(', ') behind it"),
        ("{{ 'a ' ~ name.upper }}", "call it, with () behind its name"),
        ("{{ 'a ' ~ name.encode() }}", "leave out encode()"),
    ],
)
def test_the_fault_says_where_it_is_and_what_to_write(text: str, hint: str) -> None:
    told, help_ = _refused(f"a\n{text}\n")
    assert (told.partition(" a")[0], help_) == ("t.j2:2:1:", hint)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("{{ 'a ' ~ ports|map('string')|list }}", "a ['1', '2']"),
        ("{{ ports|map('string')|join(', ') }}", "1, 2"),
        ("{{ range(3)|join }}", "012"),
        ("{{ ','.join(ports|map('string')) }}", "1,2"),
        ("{{ ('-'|safe).join(ports) }}", "1-2"),
        ("{{ [d, d]|join('/', attribute='k') }}", "1/1"),
        ("{{ d.items()|urlencode }} {{ d|urlencode }} {{ '/?'|urlencode }}", "k=1 k=1 /%3F"),
        ("{{ '%s %r' % (ports, d) }} {{ 7 % 4 }}", "[1, 2] {'k': 1} 3"),
        ("{{ '{} {x[k]:02}'.format(name, x=d) }}", "a 01"),
        ("{{ '{k}'.format_map(d) }}", "1"),
        ("{{ ('{}'|safe).format('<') }}", "&lt;"),
        ("{{ ports|groupby('real')|list }}", "[(1, [1]), (2, [2])]"),
        ("{{ d|dictsort }} {{ none ~ true ~ 1.5 }}", "[('k', 1)] NoneTrue1.5"),
        ("{{ ports|map('string')|first }}{{ d|items|list|length }}", "11"),
    ],
)
def test_what_has_a_text_is_printed_as_ever(text: str, becomes: str) -> None:
    write("t.j2", text)
    assert Templates().render("t.j2", VARIABLES).content.decode() == becomes
