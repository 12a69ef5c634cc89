"""Knows how one map is laid over another: the one rule of merging."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.diagnostics import Diagnostic, did_you_mean
from provisioning.spec.schema.check import check
from provisioning.spec.schema.rules import PATH
from provisioning.spec.schema.schema import FRAGMENT
from provisioning.spec.yaml.node import Mapping, Node, Origin, Scalar, Sequence, kind_of, marked
from provisioning.spec.yaml.reader import parse_map

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from collections.abc import Mapping as Given

    from provisioning.spec.resolve.inputs import Inputs
    from provisioning.spec.resolve.variables import Scope


def merge(base: Mapping, over: Mapping) -> Mapping:
    """Return `base` with `over` laid over it; neither is changed, every value keeps its origin.

    Maps merge by key and the later value wins; the top level's `contents` append; scalars and
    other lists replace. Associative, as long as no key is a map here and something else there.
    """
    merged = merge_maps(base, over)
    before, after = base.items.get("contents"), over.items.get("contents")
    if isinstance(before, Sequence) and isinstance(after, Sequence):
        contents = replace(after, items=before.items + after.items)
        merged = replace(merged, items={**merged.items, "contents": contents})
    return merged


def merge_maps(base: Mapping, over: Mapping) -> Mapping:
    """Return `base` with `over` laid over it by key; a list, whatever its name, is replaced."""
    items: dict[str, Node] = dict(base.items)
    for key, node in over.items.items():
        below = items.get(key)
        if isinstance(below, Mapping) and isinstance(node, Mapping):
            items[key] = merge_maps(below, node)
        else:
            items[key] = node
    return Mapping(items=items, keys={**base.keys, **over.keys}, origin=over.origin)


def stack(layers: Iterable[Mapping], faults: list[Diagnostic]) -> Mapping:
    """Return `layers` laid over each other, where a key without a value removes what lies below.

    A removal with nothing to remove is a fault: most likely a value was forgotten.
    """
    first, *others = layers
    stacked = _without_removals(first, None, faults)
    for over in others:
        stacked = _without_removals(merge_maps(stacked, over), stacked, faults)
    return stacked


def _without_removals(node: Mapping, below: Mapping | None, faults: list[Diagnostic]) -> Mapping:
    items: dict[str, Node] = {}
    for key, item in node.items.items():
        under = None if below is None else below.items.get(key)
        if _is_removal(item):
            if under is None:
                hint = "write a value; an empty one removes what a platform or the spec says"
                message = "this is empty, and there is nothing that it could remove"
                faults.append(Diagnostic.at(node.keys[key], "idle-removal", message, hint))
                items[key] = marked(item, literal=True)  # else its users would be faults too
        elif isinstance(item, Mapping):
            inner = under if isinstance(under, Mapping) else None
            items[key] = _without_removals(item, inner, faults)
        else:
            items[key] = item
    return replace(node, items=items, keys={key: node.keys[key] for key in items})


def _is_removal(node: Node) -> bool:
    """Whether this is null, as written in a spec; an application's own null is a value."""
    return isinstance(node, Scalar) and node.value is None and not node.literal


COMMAND_LINE = "(command line)"


def lay_given(
    names: Mapping, given: Given[str, str], faults: list[Diagnostic], *, secretive: bool
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


def _replaced(names: Mapping, path: list[str], given: _Given, faults: list[Diagnostic]) -> Mapping:
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
        faults.append(Diagnostic.at(given.origin, "bad-value", message))
        return names
    return replace(
        names, items={**names.items, first: value}, keys={**names.keys, first: value.origin}
    )


def _typed(node: Scalar, value: _Given, faults: list[Diagnostic]) -> Scalar:
    """Return what is given, of the type that `node` has."""
    origin, text = value.origin, value.text
    if any("\ud800" <= character <= "\udfff" for character in text):
        faults.append(Diagnostic.at(origin, "bad-value", "this is not text in UTF-8"))
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
    faults.append(Diagnostic.at(origin, "bad-value", message))
    return node


def _kind(value: object) -> type:
    return float if type(value) is int else type(value)


class Conditions:
    """The conditions of one variant. A platform is also what it extends."""

    def __init__(
        self,
        family: Collection[str],
        known: Collection[str],
        scope: Scope,
        faults: list[Diagnostic],
    ) -> None:
        """`family` is the variant's platform and its ancestors, of all those `known`."""
        self._family = family
        self._known = known
        self._scope = scope
        self._faults = faults

    def hold(self, item: Mapping) -> bool:
        """Whether `item` is meant for the platform."""
        only, excepted = self._names(item, "only"), self._names(item, "except")
        here = "only" not in item.items or any(name in self._family for name in only)
        return here and not any(name in self._family for name in excepted)

    def _names(self, item: Mapping, key: str) -> list[str | None]:
        node = item.items.get(key)
        written = (node,) if isinstance(node, Scalar) else item.sequence(key)
        return [self._name(each) for each in written if isinstance(each, Scalar)]

    def _name(self, node: Scalar) -> str | None:
        name = self._scope.text(node)
        if name is not None and name not in self._known:
            message = f"there is no platform {name}"
            hint = did_you_mean(name, self._known)
            self._faults.append(Diagnostic.at(node.origin, "unknown-platform", message, hint))
        return name


MAX_DEPTH = 16
MAX_ITEMS = 10_000
"""Items of all fragments of a variant together: a few lines of includes can double each other."""


class Fragments:
    """What the `include` items of one variant stand for."""

    def __init__(
        self, inputs: Inputs, scope: Scope, conditions: Conditions, faults: list[Diagnostic]
    ) -> None:
        """Read fragments from `inputs`, and leave out what `conditions` exclude."""
        self._inputs = inputs
        self._scope = scope
        self._conditions = conditions
        self._faults = faults
        self._items = 0
        self._open: dict[str, Origin] = {}  # the fragments being read, each within the one before

    def expand(self, items: Iterable[Node]) -> Iterator[Mapping]:
        """Return `items` with fragments in place of includes, as far as meant for the platform."""
        for item in items:
            if not isinstance(item, Mapping) or not self._conditions.hold(item):
                continue
            asked = item.items.get("include")
            if isinstance(asked, Scalar):
                yield from self._included(asked)
            else:
                yield item

    def _included(self, asked: Scalar) -> Iterator[Mapping]:
        file = self._scope.text(asked, PATH)
        if file is None:
            return
        if file in self._open:
            self._circle(file, asked.origin)
            return
        if len(self._open) == MAX_DEPTH or self._items > MAX_ITEMS:
            message = f"this includes more than {MAX_DEPTH} levels, or {MAX_ITEMS:,} items"
            self._faults.append(Diagnostic.at(asked.origin, "too-many-includes", message))
            return
        node = self._inputs.parsed(file, asked.origin, self._faults, _parse)
        if node is not None:
            self._open[file] = asked.origin
            items = node.sequence("contents")
            self._items += len(items)
            yield from self.expand(items)
            del self._open[file]

    def _circle(self, again: str, origin: Origin) -> None:
        files = list(self._open)
        names = " → ".join([*files[files.index(again) :], again])
        related = tuple((self._open[file], "included from here") for file in files)
        message = f"this includes itself: {names}"
        self._faults.append(Diagnostic.at(origin, "include-circle", message, related=related))


def _parse(text: str, file: str, faults: list[Diagnostic]) -> Mapping | None:
    node = parse_map(text, file, faults)
    return None if node is None else check(node, FRAGMENT, faults)
