"""Knows what a written value is: plain data that remembers where it was written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.spec.origin import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One value. `text` is what was written: `0644` is the number 420, but also still `0644`."""

    value: str | int | float | bool | None
    origin: Origin
    text: str
    quoted: bool
    literal: bool = False
    """Comes from a file of the application, where `{{ }}` is nothing special."""
    secret: bool = False
    """Nobody but a template may see it."""
    doubtful: bool = False
    """Is taken as it was written, though it is not text to every reader of its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Values by key; `keys` says where each key was written."""

    items: dict[str, Node]
    keys: dict[str, Origin]
    origin: Origin

    def mapping(self, key: str) -> Mapping:
        """Return the map at `key`; an empty one when there is none."""
        node = self.items.get(key)
        return node if isinstance(node, Mapping) else Mapping(items={}, keys={}, origin=self.origin)

    def sequence(self, key: str) -> tuple[Node, ...]:
        """Return the elements of the list at `key`; none when there is none."""
        node = self.items.get(key)
        return node.items if isinstance(node, Sequence) else ()

    def without(self, *keys: str) -> Mapping:
        """Return the same map with some keys left out."""
        items = {key: node for key, node in self.items.items() if key not in keys}
        return Mapping(items=items, keys={key: self.keys[key] for key in items}, origin=self.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """Values in order."""

    items: tuple[Node, ...]
    origin: Origin


Node: TypeAlias = Scalar | Mapping | Sequence
Path: TypeAlias = "tuple[str | int, ...]"


def scalars(node: Node) -> Iterator[Scalar]:
    """Return every single value in `node`."""
    if isinstance(node, Scalar):
        yield node
    else:
        for item in node.items.values() if isinstance(node, Mapping) else node.items:
            yield from scalars(item)


def marked(node: Node, *, literal: bool = False, secret: bool = False) -> Node:
    """Return `node` with these marks on every single value in it, beside those it has."""
    if isinstance(node, Scalar):
        return replace(node, literal=node.literal or literal, secret=node.secret or secret)
    if isinstance(node, Sequence):
        items = tuple(marked(item, literal=literal, secret=secret) for item in node.items)
        return replace(node, items=items)
    by_key = {key: marked(item, literal=literal, secret=secret) for key, item in node.items.items()}
    return replace(node, items=by_key)


def doubtful(node: Node, path: Path = ()) -> Iterator[Path]:
    """Return where in `node` a value stands that not every reader takes for text, as this does."""
    if isinstance(node, Scalar):
        if node.doubtful:
            yield path
        return
    parts = node.items.items() if isinstance(node, Mapping) else enumerate(node.items)
    for part, item in parts:
        yield from doubtful(item, (*path, part))


def plain(node: Node) -> Any:
    """Return the same value as builtin maps, lists and scalars, its origins forgotten."""
    if isinstance(node, Mapping):
        return {key: plain(item) for key, item in node.items.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def kind_of(node: Node) -> str:
    """Return what a value is, in the words of a report."""
    if isinstance(node, Mapping):
        return "a map"
    if isinstance(node, Sequence):
        return "a list"
    if node.secret or node.value is None:
        return "a secret" if node.secret else "empty"
    if isinstance(node.value, str):
        return "text"
    if isinstance(node.value, bool):
        return f"a switch ({str(node.value).lower()})"
    # 1:30 is 90 in YAML 1.1, and 0644 is 420: say so, or nobody would guess.
    return "a number" if str(node.value) == node.text else f"the number {node.value}"


def shorten(text: str) -> str:
    """Return `text` in a length that fits into a message."""
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004
