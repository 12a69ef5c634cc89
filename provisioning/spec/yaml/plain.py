"""Knows how plain data, of Python or of a file that has no lines to point at, becomes nodes."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date, time
from typing import TYPE_CHECKING, Any

from provisioning.spec.schema.rules import MODES
from provisioning.spec.yaml.node import Mapping, Node, Scalar, Sequence
from provisioning.spec.yaml.reader import MAX_DEPTH, MAX_VALUES

if TYPE_CHECKING:
    from collections.abc import Mapping as Data

    from provisioning.spec.yaml.node import Origin


_MOST_BITS = 1024  # Python itself refuses to spell much longer numbers
TOO_DEEP = f"this is nested deeper than {MAX_DEPTH} levels"


class UnusableError(Exception):
    """A file or value that cannot serve; becomes a fault within this wing."""

    def __init__(self, message: str, line: int = 0, column: int = 1, path: str = "") -> None:
        super().__init__()
        self.message, self.line, self.column, self.path = message, line, column, path


def node_of(data: Any, origin: Origin, *, literal: bool, path: str = "") -> Mapping:
    """Return the map `data` as a node, all of it from `origin`; `literal` as a Scalar is.

    `path` is what the paths of all that is in it begin with.

    Raises:
        UnusableError: it is no map, or something in it has no place in a spec.
    """
    if not isinstance(data, dict):
        raise UnusableError("this must be a map of names")
    return _Nodes(origin, literal=literal).mapping(data, path, 0)


class _Nodes:
    def __init__(self, origin: Origin, *, literal: bool) -> None:
        self._origin = origin
        self._literal = literal
        self._values = 0

    def mapping(self, data: Data[Any, Any], path: str, depth: int) -> Mapping:
        items: dict[str, Node] = {}
        for key, item in data.items():
            if not isinstance(key, str):
                raise UnusableError(f"as a key, {key!r} is no text", path=path)
            items[_sound(key)] = self._node(item, f"{path}.{key}" if path else key, depth + 1)
        keys = {key: replace(self._origin, path=f"{path}.{key}" if path else key) for key in items}
        return Mapping(items=items, keys=keys, origin=replace(self._origin, path=path))

    def _node(self, data: Any, path: str, depth: int) -> Node:
        self._values += 1
        if depth > MAX_DEPTH:
            raise UnusableError(TOO_DEEP, path=path)
        if self._values > MAX_VALUES:
            raise UnusableError(f"the file holds more than {MAX_VALUES:,} values", path=path)
        if isinstance(data, dict):
            return self.mapping(data, path, depth)
        origin = replace(self._origin, path=path)
        if isinstance(data, (list, tuple)):
            numbered = enumerate(data)
            items = tuple(self._node(item, f"{path}[{at}]", depth + 1) for at, item in numbered)
            return Sequence(items=items, origin=origin)
        value, text = _value(data, path)
        if not self._literal and path.rpartition(".")[2] in MODES and type(data) is int:
            text = f"{data:04o}"  # what 0o755 was meant to say
        return Scalar(value=value, origin=origin, text=text, quoted=True, literal=self._literal)


def _value(data: Any, path: str) -> tuple[str | int | float | bool | None, str]:
    """Return the value, and what it is within a text."""
    if isinstance(data, (date, time)):
        data = data.isoformat()
    if isinstance(data, str):
        return _sound(data), data
    if isinstance(data, float) and not math.isfinite(data):
        raise UnusableError(f"{data} is a number that cannot be used", path=path)
    if data is not None and not isinstance(data, (int, float)):
        raise UnusableError(f"a {type(data).__name__} is no value of a spec", path=path)
    if isinstance(data, int) and data.bit_length() > _MOST_BITS:
        raise UnusableError("this is a number that cannot be used", path=path)
    return data, "" if data is None else json.dumps(data)


def _sound(text: str) -> str:
    r"""Return `text`, unless it cannot be written in UTF-8, as JSON's "\\ud800" cannot."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UnusableError(f"{json.dumps(text)} is half a character")
    return text
