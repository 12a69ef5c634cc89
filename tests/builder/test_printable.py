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
PRINTED = [
    "{{ O }}",
    "{{ [1, [O]] }}",
    "{{ {'k': (O,)} }}",
    "{% set x %}{{ O }}{% endset %}{{ x }}",
]
MADE = [
    "{{ 'a ' ~ O }}",
    "{{ (O)|string }}",
    "{{ (O)|upper }}",
    "{{ (O)|string|indent }}",
    "{{ {'k': [O]}|tojson }}",
    "{{ [O]|join(',') }}",
    "{{ '%s' % (O,) }}",
    "{{ '{x!r}'.format(x=[O]) }}",
    "{{ ('{}'|safe).format(O) }}",
    "{{ {'k': O}|xmlattr }}",
    "{{ {'k': O}|urlencode }}",
    "{{ [O]|map('string')|join }}",
    "{% filter replace('x', O) %}x{% endfilter %}",
    "{% macro n(a) %}{{ a ~ '' }}{% endmacro %}{{ n(O) }}",
]
NO_TEXT = " cannot be printed as text [template-error]"
MACRO = "{% macro m() %}{% endmacro %}"


def _refused(text: str) -> tuple[str, str]:
    write("t.j2", text)
    with pytest.raises(SpecError) as caught:
        Templates().render("t.j2", VARIABLES)
    (fault,) = caught.value.diagnostics
    return f"{fault.origin}: {fault.message} [{fault.code}]", fault.hint


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_has_no_text_of_its_own_is_not_printed(odd: str) -> None:
    told = [_refused(MACRO + way.replace("O", odd))[0] for way in PRINTED]
    assert [each for each in told if not each.endswith(NO_TEXT)] == []


@pytest.mark.parametrize("odd", ["ports|map('string')", "ports|reverse", "name.upper", "range"])
def test_no_text_with_an_address_is_made_of_it(odd: str) -> None:
    told = [_refused(way.replace("O", odd))[0] for way in MADE]
    assert [each for each in told if not each.endswith(NO_TEXT)] == []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{ ports|map('string') }}", "write |list or |join(', ') after it"),
        ("{{ range(3) }}", "write |list or |join(', ') after it"),
        ("{{ name.upper }}", "call it, with () after its name"),
        ("{{ name.encode() }}", "leave out encode()"),
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
        ("{{ d|urlencode }} {{ '/?'|urlencode }}", "k=1 /%3F"),
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
