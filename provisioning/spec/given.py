"""Knows how `name=value` on the command line sets a variable that a spec or platform has."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault
from provisioning.spec.node import Mapping, Scalar, kind_of
from provisioning.spec.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as Given

COMMAND_LINE = "(command line)"


def lay_given(names: Mapping, given: Given[str, str], faults: list[Fault]) -> Mapping:
    """Return `names` with those values replaced that `given` names: `port`, or `server.port`.

    A value keeps its type: where a number was, a number must be given.
    """
    for name, text in given.items():
        names = _replaced(names, name.split("."), name, text, faults)
    return names


def dotted(names: Mapping, above: str = "") -> Iterator[str]:
    """Return the names that can be given."""
    for key, node in names.items.items():
        name = f"{above}.{key}" if above else key
        yield name
        if isinstance(node, Mapping):
            yield from dotted(node, name)


def _replaced(
    names: Mapping, path: list[str], name: str, text: str, faults: list[Fault]
) -> Mapping:
    first, *rest = path
    node = names.items.get(first)
    if node is None or (rest and not isinstance(node, Mapping)):
        return names
    origin = Origin(file=COMMAND_LINE, line=0, column=1, path=name)
    if rest and isinstance(node, Mapping):
        value: Mapping | Scalar = _replaced(node, rest, name, text, faults)
    elif isinstance(node, Scalar):
        value = _typed(node, text, origin, faults)
    else:
        message = f"this is {kind_of(node)} at {node.origin}, and only single values can be given"
        faults.append(Fault.at(origin, "bad-value", message))
        return names
    return replace(
        names, items={**names.items, first: value}, keys={**names.keys, first: value.origin}
    )


def _typed(node: Scalar, text: str, origin: Origin, faults: list[Fault]) -> Scalar:
    """Return a value made of `text`, of the type that `node` has."""
    given = Scalar(
        value=text, origin=origin, text=text, quoted=True, literal=True, secret=node.secret
    )
    if node.value is None or isinstance(node.value, str):
        return given
    # As JSON has them: 010, yes and 1_000 mean one thing to people and another to YAML.
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
        if _kind(value) is _kind(node.value) and math.isfinite(value):
            return replace(given, value=value)
    wanted = "true or false" if isinstance(node.value, bool) else "a number"
    message = f"this must be {wanted}, as at {node.origin}"
    faults.append(Fault.at(origin, "bad-value", message))
    return node


def _kind(value: object) -> type:
    return float if type(value) is int else type(value)
