"""How the sources of a spec are combined: maps over maps, command line over all, fragments in."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import TYPE_CHECKING

from provisioning.spec.diagnostics import Diagnostics, did_you_mean
from provisioning.spec.schema.check import check
from provisioning.spec.schema.rules import PATH
from provisioning.spec.schema.schema import FRAGMENT
from provisioning.spec.yaml.node import Mapping, Node, Origin, Scalar, Sequence, kind_of, marked
from provisioning.spec.yaml.reader import parse_map

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from provisioning.spec.resolve.variables import Scope


def merge(base: Mapping, over: Mapping) -> Mapping:
    """Return `base` with `over` laid over it; neither is changed, every value keeps its origin.

    Maps merge by key and the later value wins; the top level's `contents` append; scalars and
    other lists replace. Associative, as long as no key is a map here and something else there.
    """
    merged = merge_maps(base, over)
    before, after = base.items.get("contents"), over.items.get("contents")
    if isinstance(before, Sequence) and isinstance(after, Sequence):
        contents = after._replace(items=before.items + after.items)
        merged = merged._replace(items={**merged.items, "contents": contents})
    return merged


def merge_maps(base: Mapping, over: Mapping) -> Mapping:
    """Return `base` with `over` laid over it by key; a list, whatever its name, is replaced."""
    items: dict[str, Node] = dict(base.items)
    for key, node in over.items.items():
        below = items.get(key)
        is_both = isinstance(below, Mapping) and isinstance(node, Mapping)
        items[key] = merge_maps(below, node) if is_both else node  # type: ignore[arg-type]
    return Mapping(items=items, keys={**base.keys, **over.keys}, origin=over.origin)


def stack(layers: Iterable[Mapping], diagnostics: Diagnostics) -> Mapping:
    """Return `layers` laid over each other, where a key without a value removes what lies below.

    To remove what is not there is a mistake: most likely a value was forgotten.
    """
    first, *others = layers
    stacked = _without_removals(first, None, diagnostics)
    for over in others:
        stacked = _without_removals(merge_maps(stacked, over), stacked, diagnostics)
    return stacked


def _without_removals(node: Mapping, below: Mapping | None, diagnostics: Diagnostics) -> Mapping:
    items: dict[str, Node] = {}
    for key, item in node.items.items():
        under = None if below is None else below.items.get(key)
        # Null, as written in a spec; an application's own null is a value.
        if isinstance(item, Scalar) and item.value is None and not item.literal:
            if under is None:
                hint = "write a value; an empty one removes what a platform or the spec says"
                message = "this is empty, but there is nothing that it could remove"
                diagnostics.error(node.keys[key], "idle-removal", message, hint)
                items[key] = marked(item, literal=True)  # else its users would be wrong too
        elif isinstance(item, Mapping):
            inner = under if isinstance(under, Mapping) else None
            items[key] = _without_removals(item, inner, diagnostics)
        else:
            items[key] = item
    return node._replace(items=items, keys={key: node.keys[key] for key in items})


COMMAND_LINE = "(command line)"


def dotted(names: Mapping, above: str = "") -> Iterator[str]:
    """Return the names that the command line can set: `port`, `server.port`."""
    for key, node in names.items.items():
        name = f"{above}.{key}" if above else key
        yield name
        if isinstance(node, Mapping):
            yield from dotted(node, name)


def apply_overrides(names: Mapping, scope: Scope) -> Mapping:
    """Return `names` with the values that the command line gives for some of them.

    A value keeps its type: where a number was, a number must be given. Where there are secrets,
    a value in the place of one that was made of others may be one.
    """
    for name, text in scope.inputs.overrides.items():
        origin = Origin(file=COMMAND_LINE, line=0, column=1, path=name)
        given = Scalar(value=text, origin=origin, text=text, quoted=True, literal=True)
        names = _replaced(names, name.split("."), given, scope)
    return names


def _replaced(names: Mapping, path: list[str], given: Scalar, scope: Scope) -> Mapping:
    first, *rest = path
    node = names.items.get(first)
    if node is None or (rest and not isinstance(node, Mapping)):
        return names
    if rest and isinstance(node, Mapping):
        value: Node = _replaced(node, rest, given, scope)
    elif isinstance(node, Scalar):
        value = _typed(node, given, scope)
    else:
        message = f"this is {kind_of(node)} at {node.origin}, but only single values can be set"
        scope.diagnostics.error(given.origin, "bad-value", message)
        return names
    return names._replace(
        items={**names.items, first: value}, keys={**names.keys, first: value.origin}
    )


def _typed(node: Scalar, given: Scalar, scope: Scope) -> Scalar:
    """Return what is given, of the type that `node` has."""
    if any("\ud800" <= character <= "\udfff" for character in given.text):
        scope.diagnostics.error(given.origin, "bad-value", "this is not text in UTF-8")
        return node
    secret = node.secret or (scope.inputs.secretive and "{{" in node.text)
    given = given._replace(secret=secret, doubtful=node.doubtful)
    if node.value is None or isinstance(node.value, str):
        return given
    # As JSON has them: 010, yes and 1_000 mean one thing to people and another to YAML.
    with suppress(ValueError, RecursionError):
        number = json.loads(given.text)
        is_same = _kind(number) is _kind(node.value) and math.isfinite(number)
        # As it is printed, too: what a template makes of it is what was given.
        if is_same and json.dumps(number) == given.text:
            return given._replace(value=number)
    wanted = "true or false" if isinstance(node.value, bool) else "a number"
    message = f"this must be {wanted}, as at {node.origin}"
    scope.diagnostics.error(given.origin, "bad-value", message)
    return node


def _kind(value: object) -> type:
    return float if type(value) is int else type(value)


class Conditions:
    """Tells by `only` and `except` what is meant for a platform, which is also what it extends."""

    def __init__(self, family: Collection[str], known: Collection[str], scope: Scope) -> None:
        """`family` is the variant's platform and its ancestors, of all those `known`."""
        self._family = family
        self._known = known
        self._scope = scope

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
            self._scope.diagnostics.error(node.origin, "unknown-platform", message, hint)
        return name


MAX_ITEMS = 10_000
"""Items of all fragments of a variant together: a few lines of includes can double each other."""
_MAX_DEPTH = 16


class Fragments:
    """Puts the contents of fragments in place of the `include` items of one variant."""

    def __init__(self, scope: Scope, conditions: Conditions) -> None:
        self._scope = scope
        self._conditions = conditions
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
        diagnostics = self._scope.diagnostics
        if file in self._open:
            files = list(self._open)
            names = " → ".join([*files[files.index(file) :], file])
            related = tuple((self._open[each], "included from here") for each in files)
            message = f"this includes itself: {names}"
            diagnostics.error(asked.origin, "include-circle", message, related=related)
            return
        if len(self._open) == _MAX_DEPTH or self._items > MAX_ITEMS:
            message = f"this includes more than {_MAX_DEPTH} levels, or {MAX_ITEMS:,} items"
            diagnostics.error(asked.origin, "too-many-includes", message)
            return
        node = self._scope.inputs.parsed(file, asked.origin, diagnostics, _parse)
        if node is not None:
            self._open[file] = asked.origin
            items = node.sequence("contents")
            self._items += len(items)
            yield from self.expand(items)
            del self._open[file]


def _parse(text: str, file: str, diagnostics: Diagnostics) -> Mapping | None:
    node = parse_map(text, file, diagnostics)
    return None if node is None else check(node, FRAGMENT, diagnostics)
