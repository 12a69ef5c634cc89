"""Diagnostics of templates: the place of each, and words that reveal no secret."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.diagnostics import Diagnostic, did_you_mean, origin_at
from provisioning.spec.resolve.variables import ENVIRONMENT
from provisioning.spec.yaml.node import Origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from provisioning.spec.model.variant import Content


# Each to its end or, as nothing is certain in a template with a fault, to the end of the text.
_TAG = re.compile(r"\{#.*?(?:#\}|\Z)|\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)", re.DOTALL)


class TemplateLine(NamedTuple):
    """A line of a template; the number 0 stands for the template as a whole."""

    file: str
    number: int = 0

    @classmethod
    def of(cls, template: str | None, number: int) -> TemplateLine:
        """The line of a template by the name that it was asked for with."""
        return cls(os.path.normpath(template or ""), number)

    def origin(self, pattern: str = "") -> Origin:
        """The place of `pattern` in a tag of this line, which may end some lines below.

        If it does not: the tag, if there is just one, since no fault is in the text between tags;
        else the line.
        """
        line = Origin(file=self.file, line=self.number, column=1)
        text = _text(self.file)
        lines = text.split("\n")
        if not 1 <= self.number <= len(lines):
            return line
        start = sum(len(each) + 1 for each in lines[: self.number - 1])
        tags = list(_tags(text, start, start + len(lines[self.number - 1])))
        for first, last in tags if pattern else ():
            if found := re.compile(pattern).search(text, first, last):
                return origin_at(self.file, text, found.start())
        return origin_at(self.file, text, tags[0][0]) if len(tags) == 1 else line


def word(name: str) -> str:
    """The pattern of `name` as a whole word."""
    return rf"(?<!\w){re.escape(name)}(?!\w)"


def variable(name: str) -> str:
    """The pattern of the variable `name`: neither an attribute nor a text."""
    return rf"(?<![\w.'\"]){re.escape(name)}(?!\w)"


def attribute(name: str) -> str:
    """The pattern of `name` as what a value is asked for: `.name`, `['name']`, `[0]`."""
    escaped = re.escape(name)
    return rf"(?<=\.){escaped}(?!\w)|(?<=['\"\[]){escaped}(?=['\"\].])"


def _tags(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """From where to where there are tags between `start` and `end`, the last one to its end."""
    for tag in _TAG.finditer(text):
        if tag.start() >= end:
            return
        if tag.end() > start and not tag[0].startswith("{#"):
            yield max(tag.start(), start), tag.end()


def _text(file: str) -> str:
    try:
        with open(file, encoding="utf-8-sig", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


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
_WITHHELD = "this fails; the reason is hidden, because it may contain a secret"
_WITHOUT_CONTEXT = "imported templates see variables only with `import ... with context`"


class Faults:
    """The diagnostics of one rendering.

    Once `secretive`, no computed value is shown: it might contain part of a secret.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.secretive = False
        self.found: list[Diagnostic] = []

    def add(
        self, code: str, line: TemplateLine, message: str, *, hint: str = "", pattern: str = ""
    ) -> None:
        """Add a fault of `line`, at what matches `pattern` there, or else at what is quoted."""
        if code == "template-error" and self.secretive:
            message, hint = _WITHHELD, ""
        quoted = _QUOTED.search(message)
        origin = line.origin(pattern or (word(quoted[1]) if quoted else ""))
        message, hint = _printable(message.rstrip(".")), _printable(hint)
        # A loop that works out what it looks for may fail at one place again and again.
        if origin not in (fault.origin for fault in self.found):
            fault = Diagnostic(code=code, origin=origin, where="", message=message, hint=hint)
            self.found.append(fault)

    def add_variable(self, line: TemplateLine, name: str, known: Collection[str]) -> None:
        """Add that no variable is called `name`; the names `known` are defined."""
        message = f"there is no variable {name}"
        if name == ENVIRONMENT:
            hint = _FROM_ENVIRONMENT
        else:
            hint = _WITHOUT_CONTEXT if name in known else did_you_mean(name, known)
        self.add("undefined-variable", line, message, hint=hint, pattern=variable(name))

    def add_attribute(self, line: TemplateLine, name: str, holder: object) -> None:
        """Add that `holder`, a value in a template, has nothing called `name`."""
        kind = _KINDS.get(type(holder), "this value")
        if self.secretive:
            self.add("undefined-variable", line, f"there is no such thing in {kind}")
            return
        known = holder if isinstance(holder, dict) else {}
        hint = did_you_mean(name, [key for key in known if isinstance(key, str)])
        message = f"there is no {name} in {kind}"
        self.add("undefined-variable", line, message, hint=hint, pattern=attribute(name))


def _printable(text: str) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def with_contents(
    found: Iterable[tuple[str, Diagnostic]], contents: Iterable[Content]
) -> list[Diagnostic]:
    """Each fault once, with the lines of the spec that have its template rendered.

    `found` names with each fault the template that was rendered, which may include the faulty one.
    """
    related: dict[Diagnostic, list[tuple[Origin, str]]] = {}
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
