"""Knows where in a spec a secret may stand that was written there by mistake: it is not told."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioning.spec.report import LINE_BREAK

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from provisioning.spec.fault import Fault

SECRETS = "secrets"

_KEY = re.compile(rf"""(?:^|[\s{{,"'-]){SECRETS}["']?\s*:""")
_MESSAGE = "this cannot be read; a secret may stand in it, so no more of it is shown"
# Their messages name keys alone.
_HARMLESS = frozenset({"duplicate-key", "merge-key"})


def withheld(faults: Iterable[Fault], text: str) -> list[Fault]:
    """Return `faults` of the file `text`; those among secrets without what is written there.

    What cannot be read may be a secret: a quote that is not closed, behind a password.
    """
    secret = _secret_lines(text) if SECRETS in text else ()
    return [_withheld(fault) if _is_among(fault, secret) else fault for fault in faults]


def _is_among(fault: Fault, secret: Container[int]) -> bool:
    return fault.origin.line in secret or any(each.line in secret for each, _ in fault.related)


def _withheld(fault: Fault) -> Fault:
    if fault.code in _HARMLESS:
        return replace(fault, excerpt=False)
    return replace(fault, message=_MESSAGE, hint="", related=(), excerpt=False)


def _secret_lines(text: str) -> set[int]:
    """The numbers of the lines that belong to `secrets`, as far as they are indented."""
    found, above = set[int](), -1
    for number, line in enumerate(LINE_BREAK.split(text), 1):
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent <= above:
            above = -1
        if above < 0 and _KEY.search(line):
            above = indent
        if above >= 0:
            found.add(number)
    return found
