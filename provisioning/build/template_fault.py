"""Knows how the faults of templates are told: each once, with a way out, and without any secret."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from provisioning.build.template_place import Line, attribute, variable, word
from provisioning.spec.fault import Fault, did_you_mean
from provisioning.spec.variables import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from provisioning.spec.node import Origin
    from provisioning.spec.variant import Content

_LONGEST = 300
_QUOTED = re.compile(r"'(\w+)'")
_KINDS = {
    dict: "this map",
    list: "this list",
    tuple: "this list",
    str: "this text",
    bool: "this switch",
    int: "this number",
    float: "this number",
    type(None): "an empty value",
}
_FROM_ENVIRONMENT = (
    'set a variable in the spec, as in variables: {home: "{{ env.HOME }}"}, and use that'
)
_WITHOUT_CONTEXT = "what is imported sees the variables only if it is imported `with context`"


class Faults:
    """The faults of one rendering; `hide` takes every secret out of a text."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        """Begin with none."""
        self._hide = hide
        self.found: list[Fault] = []

    def add(
        self, code: str, line: Line, message: str, *, hint: str = "", pattern: str = ""
    ) -> None:
        """Tell a fault of `line`, at what matches `pattern` there, or else at what is quoted."""
        quoted = _QUOTED.search(message)
        origin = line.origin(pattern or (word(quoted[1]) if quoted else ""))
        message, hint = self._tellable(message.rstrip(".")), self._tellable(hint)
        # A loop that works out what it looks for may fail at one place again and again.
        if origin not in (fault.origin for fault in self.found):
            fault = Fault(code=code, origin=origin, where="", message=message, hint=hint)
            self.found.append(fault)

    def add_variable(self, line: Line, name: str, known: Collection[str]) -> None:
        """Tell that no variable is called `name`, where the names `known` can be used."""
        message = f"there is no variable {name}"
        if name == ENVIRONMENT:
            hint = _FROM_ENVIRONMENT
        else:
            hint = _WITHOUT_CONTEXT if name in known else self._nearest(name, known)
        self.add("undefined-variable", line, message, hint=hint, pattern=variable(name))

    def add_attribute(self, line: Line, name: str, holder: object) -> None:
        """Tell that `holder`, a value in a template, has nothing called `name`."""
        message = f"there is no {name} in {_KINDS.get(type(holder), 'this value')}"
        known = holder if isinstance(holder, dict) else {}
        hint = self._nearest(name, [key for key in known if isinstance(key, str)])
        self.add("undefined-variable", line, message, hint=hint, pattern=attribute(name))

    def _nearest(self, name: str, known: Collection[str]) -> str:
        # A name that is nearly a secret would tell nearly all of it.
        return did_you_mean(name, known) if self._hide(name) == name else ""

    def _tellable(self, text: str) -> str:
        # In this order: a secret cut off in the middle would not be found.
        shown = "".join(c if c.isprintable() else " " for c in self._hide(text))
        return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def hiding(variables: Mapping[str, Any], secrets: Iterable[str]) -> Callable[[str], str]:
    """What puts "(secret)" for every value of the variables `secrets` in a text.

    However it is written there: in other cases, or as Python shows a text in a message.
    """
    leaves = {leaf for name in secrets for leaf in _leaves(variables.get(name))}
    forms = {form for leaf in leaves for form in (leaf, repr(leaf)[1:-1])}
    if not forms:
        return str
    # The longest first, as one may begin with another.
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
    return lambda text: pattern.sub("(secret)", text)


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    # Neither a switch nor what is empty can be kept secret, and their words stand in any text.
    elif value not in ("", None) and not isinstance(value, bool):
        yield str(value)


def with_contents(found: Iterable[tuple[str, Fault]], contents: Iterable[Content]) -> list[Fault]:
    """Each fault once, with the lines of the spec that have its template rendered.

    `found` names with each fault the template that was rendered, which may include the faulty one.
    """
    related: dict[Fault, list[tuple[Origin, str]]] = {}
    users = [content for content in contents if content.kind == "template"]
    for source, fault in found:
        related.setdefault(fault, []).extend(
            (content.origin, f"rendered here: {content.where}")
            for content in users
            if content.source == source
        )
    return [
        replace(fault, related=tuple(dict.fromkeys(places))) for fault, places in related.items()
    ]
