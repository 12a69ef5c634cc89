"""Knows which other templates a template names, without the cost of importing a template engine."""

from __future__ import annotations

import os
import re

_TAG = re.compile(r"{%[-+]?\s*(?:include|extends|import|from)\b(.*)", re.DOTALL)
_NAME = re.compile(r"""["']([^"']+)["']""")


def named_by(template: str) -> set[str]:
    """The templates that `template`, and those it names, name: whether they exist or not.

    Names must be written out in the template (`render` refuses others), so that a build knows what
    it depends on before it starts.
    """
    found: set[str] = set()
    waiting = [template]
    while waiting:
        new = set(_named(waiting.pop())) - found - {template}
        found |= new
        waiting += new
    return found


def includes(template: str) -> set[str]:
    """The templates that rendering `template` reads besides it, whether it succeeds or not."""
    return {name for name in named_by(template) if os.path.isfile(name)}


def _named(template: str) -> list[str]:
    try:
        with open(template, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return []  # rendering will say so, with its line
    # Cut at the ends of tags first: looking for the end of each would take quadratic time.
    tags = [tag for part in text.split("%}") for tag in _TAG.findall(part)]
    return [name for tag in tags for name in _NAME.findall(tag) if not name.startswith("/")]
