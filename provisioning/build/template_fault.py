"""Knows how the faults of templates are told: each once, with a way out, and no secret in it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioning.build.template_place import Line, attribute, variable, word
from provisioning.spec.fault import Fault, did_you_mean
from provisioning.spec.variables import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from provisioning.spec.origin import Origin
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
_WITHHELD = "this fails; why is not told, since part of a secret may stand in it"
_WITHOUT_CONTEXT = "what is imported sees the variables only if it is imported `with context`"


class Faults:
    """The faults of one rendering.

    Once `secretive`, nothing is told that was worked out: part of a secret might stand in it.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.secretive = False
        self.found: list[Fault] = []

    def add(
        self, code: str, line: Line, message: str, *, hint: str = "", pattern: str = ""
    ) -> None:
        """Tell a fault of `line`, at what matches `pattern` there, or else at what is quoted."""
        if code == "template-error" and self.secretive:
            message, hint = _WITHHELD, ""
        quoted = _QUOTED.search(message)
        origin = line.origin(pattern or (word(quoted[1]) if quoted else ""))
        message, hint = _tellable(message.rstrip(".")), _tellable(hint)
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
            hint = _WITHOUT_CONTEXT if name in known else did_you_mean(name, known)
        self.add("undefined-variable", line, message, hint=hint, pattern=variable(name))

    def add_attribute(self, line: Line, name: str, holder: object) -> None:
        """Tell that `holder`, a value in a template, has nothing called `name`."""
        kind = _KINDS.get(type(holder), "this value")
        if self.secretive:
            self.add("undefined-variable", line, f"there is no such thing in {kind}")
            return
        known = holder if isinstance(holder, dict) else {}
        hint = did_you_mean(name, [key for key in known if isinstance(key, str)])
        message = f"there is no {name} in {kind}"
        self.add("undefined-variable", line, message, hint=hint, pattern=attribute(name))


def _tellable(text: str) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


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
