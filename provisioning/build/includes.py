"""Knows which other templates a template names, without the cost of importing a template engine."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from provisioning.spec.inputs import leads_out

_TAG = re.compile(r"{%[-+]?\s*(?:include|extends|import|from)\b(.*)", re.DOTALL)
_MOST_BYTES = 1 << 24
_NAME = re.compile(r"""["']([^"']+)["']""")


def named_by(template: str) -> set[str]:
    """The templates that `template`, and those it names, name: whether they exist or not.

    Names must be written out in the template (`render` refuses others), so that a build knows what
    it depends on before it starts. Where a name is a link, what it leads to is named as well.
    """
    found: set[str] = set()
    waiting = [template]
    while waiting:
        named = set(_named(waiting.pop()))
        real = {os.path.relpath(os.path.realpath(name)) for name in named if _is_ours(name)}
        new = (named | real) - found - {template}
        found |= new
        waiting += new
    return found


def includes(template: str) -> set[str]:
    """The templates that rendering `template` reads besides it, whether it succeeds or not."""
    return {name for name in named_by(template) if _is_ours(name) and os.path.isfile(name)}


def _is_ours(name: str) -> bool:
    return not leads_out(Path(), name)


def _named(template: str) -> list[str]:
    text = _text(template)
    # Cut at the ends of tags first: looking for the end of each would take quadratic time.
    tags = [tag for part in text.split("%}") for tag in _TAG.findall(part)]
    return [name for tag in tags for name in _NAME.findall(tag) if not name.startswith("/")]


def _text(template: str) -> str:
    """What a template holds; nothing where rendering will say what is wrong with it."""
    if not _is_ours(template):
        return ""
    try:
        # Opening a FIFO would wait for a writer that never comes.
        with open(os.open(template, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        pass
    return ""
