"""Knows which other templates a template names, without the cost of importing a template engine."""

from __future__ import annotations

import os
import re

_TAG = re.compile(r"{%[-+]?\s*(?:include|extends|import|from)\b(.*)", re.DOTALL)
_NAME = re.compile(r"""["']([^"']+)["']""")


def includes(template: str) -> set[str]:
    """The templates that rendering `template` reads besides it, whether rendering succeeds or not.

    Names must be written out in the template (`render` refuses others), so that a build knows what
    it depends on before it starts.
    """
    found: set[str] = set()
    waiting = [template]
    while waiting:
        for name in _named(waiting.pop()):
            if name not in found and name != template and os.path.isfile(name):
                found.add(name)
                waiting.append(name)
    return found


def _named(template: str) -> list[str]:
    try:
        with open(template, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return []  # rendering will say so, with its line
    # Cut at the ends of tags first: looking for the end of each would take quadratic time.
    tags = [tag for part in text.split("%}") for tag in _TAG.findall(part)]
    return [name for tag in tags for name in _NAME.findall(tag) if not name.startswith("/")]
