"""Knows where in a line of a template a fault is to be shown."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.inputs import place
from provisioning.spec.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each to its end or, as nothing is certain in a template with a fault, to the end of the text.
_TAG = re.compile(r"\{#.*?(?:#\}|\Z)|\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)", re.DOTALL)


class Line(NamedTuple):
    """A line of a template; the number 0 stands for the template as a whole."""

    file: str
    number: int = 0

    @classmethod
    def of(cls, template: str | None, number: int) -> Line:
        """The line of a template by the name that it was asked for with."""
        return cls(os.path.normpath(template or ""), number)

    def origin(self, pattern: str = "") -> Origin:
        """Where `pattern` stands in a tag of this line, which may end some lines below.

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
                return place(self.file, text, found.start())
        return place(self.file, text, tags[0][0]) if len(tags) == 1 else line


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
