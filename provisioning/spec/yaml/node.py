"""The nodes of a YAML document, each with its origin, and what their values mean to YAML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Origin(NamedTuple):
    """A place in a file of the project: where a value or a key was written."""

    file: str
    """Relative to the project's root, POSIX; a built-in platform's is its path in this package."""
    line: int
    """From 1; 0 stands for the file as a whole."""
    column: int
    """From 1, in characters."""
    path: str = ""
    """The keys that lead there, as a person reads them: `contents[2].mode`."""

    def __str__(self) -> str:
        """Spell the place as editors and compilers do."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Scalar(NamedTuple):
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
    """Is taken as text, although some readers of its file would not."""


class Mapping(NamedTuple):
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


class Sequence(NamedTuple):
    """Values in order."""

    items: tuple[Node, ...]
    origin: Origin


Node: TypeAlias = Scalar | Mapping | Sequence
NodePath: TypeAlias = "tuple[str | int, ...]"


def scalars(node: Node) -> Iterator[Scalar]:
    """Return every single value in `node`."""
    if isinstance(node, Scalar):
        yield node
    else:
        for item in node.items.values() if isinstance(node, Mapping) else node.items:
            yield from scalars(item)


def each_scalar(node: Node, change: Callable[[Scalar], Node]) -> Node:
    """Return `node` with what `change` makes of every single value in it."""
    if isinstance(node, Scalar):
        return change(node)
    if isinstance(node, Sequence):
        return node._replace(items=tuple(each_scalar(item, change) for item in node.items))
    items = {key: each_scalar(item, change) for key, item in node.items.items()}
    return node._replace(items=items)


def marked(node: Node, *, literal: bool = False, secret: bool = False) -> Node:
    """Return `node` with these marks added to every single value in it."""
    return each_scalar(
        node,
        lambda each: each._replace(literal=each.literal or literal, secret=each.secret or secret),
    )


def doubtful(node: Node, path: NodePath = ()) -> Iterator[NodePath]:
    """Return where in `node` a value stands that not every reader of YAML takes for text."""
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
        return f"a boolean ({str(node.value).lower()})"
    # 1:30 is 90 in YAML 1.1, and 0644 is 420: say so, or nobody would guess.
    return "a number" if str(node.value) == node.text else f"the number {node.value}"


def shorten(text: str) -> str:
    """Return `text` in a length that fits into a message."""
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004


_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "off", "Off", "OFF"})
_SIGNS = {"=": "a default value", "<<": "a merge key"}
# Whatever any of them takes for a number. (The repository's `[0-9.]*` is a slip that nobody
# followed: it would make numbers of addresses and versions.)
_NUMBER = r"""[-+]?0b[01_]+ | [-+]?0x[0-9a-fA-F_]+ | 0o[0-7]+
      | [-+]?[0-9][0-9_]*
      | [-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+
      | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*
      | [-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]*[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)? """
_DATE = r"""[0-9]{4}-[0-9]{2}-[0-9]{2}
      | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?
        (?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))? """
# The numbers among them that all take for the same.
_AGREED = r"""[-+]?(?:0|[1-9][0-9]*) | 0x[0-9a-fA-F]+
      | (?:[-+]?[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)? """
_INTEGER, _OCTAL = "[-+]?[0-9]+", "0o[0-7]+"
_FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"


def _is(pattern: str, text: str) -> bool:
    # Compiled when first asked for, and kept by `re`: most builds read no YAML.
    return bool(re.fullmatch(pattern, text, re.VERBOSE))


def is_ambiguous(text: str) -> bool:
    """Whether an unquoted `text` is not one thing to all readers, or has zeros that count."""
    if text in _TRUE or text in _FALSE or text in _SIGNS or _is(_DATE, text):
        return True
    return _is(_NUMBER, text) and not _is(_AGREED, text)


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
    if _is(_DATE, node.text):
        return "a date"
    return _SIGNS.get(node.text) or kind_of(node)


def _newer(text: str) -> str:
    number: Any = None
    if _is(_INTEGER, text):
        number = int(text)
    elif _is(_OCTAL, text):
        number = int(text, 0)
    elif _is(_FLOAT, text):
        number = float(text)
    if number is None:
        return "text"
    return f"the number {number}"
