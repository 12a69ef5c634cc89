"""Knows which unquoted values YAML 1.1 and 1.2 read differently, and what each takes them for.

YAML 1.1: its type repository (yaml.org/type), and PyYAML, which reads a little less of it. 1.2: its
core schema (section 10.3.2). What both take for text, or for the same value, needs no quotes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from provisioning.spec.node import kind_of

if TYPE_CHECKING:
    from provisioning.spec.node import Scalar

_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "off", "Off", "OFF"})
_SIGNS = {"=": "a default value", "<<": "a merge key"}
# Whatever any of them takes for a number. (The repository's `[0-9.]*` is a slip that nobody
# followed: it would make numbers of addresses and versions.)
_NUMBER = re.compile(
    r"""[-+]?0b[01_]+ | [-+]?0x[0-9a-fA-F_]+ | 0o[0-7]+
      | [-+]?[0-9][0-9_]*
      | [-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+
      | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*
      | [-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]*[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)? """,
    re.VERBOSE,
)
_DATE = re.compile(
    r"""[0-9]{4}-[0-9]{2}-[0-9]{2}
      | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?
        (?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))? """,
    re.VERBOSE,
)
# The numbers among them that all take for the same.
_AGREED = re.compile(
    r"""[-+]?(?:0|[1-9][0-9]*) | 0x[0-9a-fA-F]+
      | (?:[-+]?[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)? """,
    re.VERBOSE,
)
_INTEGER, _OCTAL = re.compile("[-+]?[0-9]+"), re.compile("0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def is_ambiguous(text: str) -> bool:
    """Whether an unquoted `text` is not one thing to all readers, or has zeros that count."""
    if text in _TRUE or text in _FALSE or text in _SIGNS or _DATE.fullmatch(text):
        return True
    return bool(_NUMBER.fullmatch(text)) and not _AGREED.fullmatch(text)


def doubt(node: Scalar) -> str:
    """Say why `node` may not be what its author means; "" where it is written as it is printed."""
    if node.quoted:
        return ""
    if is_ambiguous(node.text):
        older, newer = _older(node), _newer(node.text)
        if older != newer:
            return f"{node.text} is {older} to YAML 1.1, and {newer} to YAML 1.2"
    if type(node.value) not in (int, float) or str(node.value) == node.text:
        return ""
    return f"{node.text} is {kind_of(node)} here"


def meant(node: Scalar) -> str:
    """How a value of which there is a doubt is written plainly, if it is not meant as text."""
    if node.text in _TRUE or node.text in _FALSE:
        return str(node.text in _TRUE).lower()
    written = str(node.value)
    is_number = isinstance(node.value, (int, float)) and not is_ambiguous(written)
    return written if is_number else ""


def _older(node: Scalar) -> str:
    if node.text in _TRUE or node.text in _FALSE:
        return meant(node)
    if _DATE.fullmatch(node.text):
        return "a date"
    return _SIGNS.get(node.text) or kind_of(node)


def _newer(text: str) -> str:
    number: Any = None
    if _INTEGER.fullmatch(text):
        number = int(text)
    elif _OCTAL.fullmatch(text):
        number = int(text, 0)
    elif _FLOAT.fullmatch(text):
        number = float(text)
    if number is None:
        return "text"
    return f"the number {number}"
