"""Knows all that is said of a variant, in one fixed order, each value with its origin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.spec.content import Contents
from provisioning.spec.device import DEVICE
from provisioning.spec.node import Mapping, Scalar, Sequence, plain
from provisioning.spec.resolve import DEFAULTS
from provisioning.spec.variables import BUILT_IN, RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.spec.node import Node
    from provisioning.spec.origin import Origin
    from provisioning.spec.resolve import Resolved
    from provisioning.spec.variables import Scope

SECRET = "(secret)"  # noqa: S105 - what stands in a secret's place
_TOP = (
    *("service_manager", "summary", "license", "maintainer"),
    *("formats", "compression", "mtime", "debian"),
)


class Outline(NamedTuple):
    """What `doit spec` shows of a variant; no secret is in it."""

    name: str
    platform: str
    node: Mapping

    def as_json(self) -> dict[str, Any]:
        """Return the values, and the origin of each by its path, such as `contents[0].src`."""
        origins = {path: str(origin) for path, origin in _origins(self.node, "")}
        return {
            "name": self.name,
            "platform": self.platform,
            "values": plain(self.node),
            "origins": origins,
        }


def outline(resolved: Resolved) -> Outline:
    """Return what a variant without faults was made from: merged, resolved, nothing added."""
    scope = resolved.scope.renewed()
    merged = resolved.merged
    names = scope.variables()
    variables = {name: node for name, node in names.items() if name not in RESERVED}
    defaults = merged.mapping("defaults").items
    sections: dict[str, Node] = {
        **{name: names[name] for name in BUILT_IN},
        **{key: _texts(merged.items[key], scope) for key in _TOP if key in merged.items},
        "defaults": _map({key: _texts(defaults[key], scope) for key in DEFAULTS}, merged.origin),
        "variables": _map(variables, merged.origin),
        "services": _map(_services(resolved, scope), merged.origin),
        "hooks": _map(_hooks(resolved, scope), merged.origin),
        "device": _texts(merged.mapping(DEVICE), scope),
        "contents": Sequence(items=tuple(_contents(resolved, scope)), origin=merged.origin),
    }
    told = {key: _masked(node) for key, node in sections.items() if _says_something(node)}
    node = _map(told, merged.origin)
    return Outline(plain(node)["name"], plain(node)["platform"], node)


def _services(resolved: Resolved, scope: Scope) -> dict[str, Node]:
    return {
        name: _texts(_unconditional(item), scope)
        for name, item in sorted(resolved.merged.mapping("services").items.items())
        if isinstance(item, Mapping) and resolved.conditions.hold(item)
    }


def _hooks(resolved: Resolved, scope: Scope) -> dict[str, Node]:
    hooks = sorted(resolved.merged.mapping("hooks").items.items())
    return {
        name: _texts(_hook(item) if isinstance(item, Mapping) else item, scope)
        for name, item in hooks
        if not isinstance(item, Mapping) or resolved.conditions.hold(item)
    }


def _hook(item: Mapping) -> Node:
    """Return the path alone where no more is said, as one could have written it."""
    said = _unconditional(item)
    return said if len(said.items) > 1 else said.items["run"]


def _contents(resolved: Resolved, scope: Scope) -> Iterator[Node]:
    contents = Contents(scope, ("", ""), [])
    for _, item in contents.with_items(resolved.contents):
        yield _texts(_unconditional(item), scope)


def _unconditional(item: Mapping) -> Mapping:
    return item.without("only", "except")


def _texts(node: Node, scope: Scope) -> Node:
    """Return `node` resolved; where a text was written, it stays one, whatever it refers to."""
    if isinstance(node, Mapping):
        return replace(node, items={key: _texts(item, scope) for key, item in node.items.items()})
    if isinstance(node, Sequence):
        return replace(node, items=tuple(_texts(item, scope) for item in node.items))
    found = scope.resolve(node)
    if isinstance(found, Scalar) and isinstance(node.value, str):
        return replace(found, value=found.text)
    return found or node


def _masked(node: Node) -> Node:
    if isinstance(node, Mapping):
        return replace(node, items={key: _masked(item) for key, item in node.items.items()})
    if isinstance(node, Sequence):
        return replace(node, items=tuple(_masked(item) for item in node.items))
    return replace(node, value=SECRET, text=SECRET) if node.secret else node


def _map(items: dict[str, Node], origin: Origin) -> Mapping:
    return Mapping(
        items=items, keys={key: node.origin for key, node in items.items()}, origin=origin
    )


def _says_something(node: Node) -> bool:
    return isinstance(node, Scalar) or bool(node.items)


def _origins(node: Node, path: str) -> Iterator[tuple[str, Origin]]:
    """Return the origin of every single value, and of what is empty."""
    if not isinstance(node, Scalar) and node.items:
        if isinstance(node, Mapping):
            inner = [(f"{path}.{key}" if path else key, item) for key, item in node.items.items()]
        else:
            inner = [(f"{path}[{number}]", item) for number, item in enumerate(node.items)]
        for below, item in inner:
            yield from _origins(item, below)
    else:
        yield path, node.origin
