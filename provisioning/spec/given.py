"""Knows how `name=value` on the command line sets a variable that a spec or platform has."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.fault import Fault
from provisioning.spec.node import Mapping, Scalar, kind_of
from provisioning.spec.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as Given

COMMAND_LINE = "(command line)"


def lay_given(
    names: Mapping, given: Given[str, str], faults: list[Fault], *, secretive: bool
) -> Mapping:
    """Return `names` with those values replaced that `given` names: `port`, or `server.port`.

    A value keeps its type: where a number was, a number must be given. Where there are secrets,
    a value in the place of one that was made of others may be one.
    """
    for name, text in given.items():
        value = _Given(name, text, secretive=secretive)
        names = _replaced(names, name.split("."), value, faults)
    return names


class _Given(NamedTuple):
    name: str
    text: str
    secretive: bool

    @property
    def origin(self) -> Origin:
        return Origin(file=COMMAND_LINE, line=0, column=1, path=self.name)


def dotted(names: Mapping, above: str = "") -> Iterator[str]:
    """Return the names that can be given."""
    for key, node in names.items.items():
        name = f"{above}.{key}" if above else key
        yield name
        if isinstance(node, Mapping):
            yield from dotted(node, name)


def _replaced(names: Mapping, path: list[str], given: _Given, faults: list[Fault]) -> Mapping:
    first, *rest = path
    node = names.items.get(first)
    if node is None or (rest and not isinstance(node, Mapping)):
        return names
    if rest and isinstance(node, Mapping):
        value: Mapping | Scalar = _replaced(node, rest, given, faults)
    elif isinstance(node, Scalar):
        value = _typed(node, given, faults)
    else:
        message = f"this is {kind_of(node)} at {node.origin}, and only single values can be given"
        faults.append(Fault.at(given.origin, "bad-value", message))
        return names
    return replace(
        names, items={**names.items, first: value}, keys={**names.keys, first: value.origin}
    )


def _typed(node: Scalar, value: _Given, faults: list[Fault]) -> Scalar:
    """Return what is given, of the type that `node` has."""
    origin, text = value.origin, value.text
    if any("\ud800" <= character <= "\udfff" for character in text):
        faults.append(Fault.at(origin, "bad-value", "this is not text in UTF-8"))
        return node
    secret = node.secret or (value.secretive and "{{" in node.text)
    given = Scalar(
        value=text,
        origin=origin,
        text=text,
        quoted=True,
        literal=True,
        secret=secret,
        doubtful=node.doubtful,
    )
    if node.value is None or isinstance(node.value, str):
        return given
    # As JSON has them: 010, yes and 1_000 mean one thing to people and another to YAML.
    with suppress(ValueError, RecursionError):
        number = json.loads(text)
        is_same = _kind(number) is _kind(node.value) and math.isfinite(number)
        # As it is printed, too: what a template makes of it is what was given.
        if is_same and json.dumps(number) == text:
            return replace(given, value=number)
    wanted = "true or false" if isinstance(node.value, bool) else "a number"
    message = f"this must be {wanted}, as at {node.origin}"
    faults.append(Fault.at(origin, "bad-value", message))
    return node


def _kind(value: object) -> type:
    return float if type(value) is int else type(value)
