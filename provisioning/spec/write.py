"""Knows how values are written as YAML, each with its origin as a comment at the line's end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.load import parse
from provisioning.spec.node import Mapping, Scalar, Sequence
from provisioning.terminal import leave_plain, paint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.spec.fault import Fault
    from provisioning.spec.node import Node
    from provisioning.spec.origin import Origin
    from provisioning.terminal import Paint

_WIDEST = 60  # a longer line has its comment right behind it, and does not push the others away
_LONGEST_KEY = 1000  # YAML 1.1, section 9.3: a longer one has to be announced by "? "
# Words that some readers of YAML 1.1 take for true and false, though PyYAML does not.
_SWITCHES = frozenset("yYnN")
_SHORT = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}

_KEY, _COMMENT = "36", "2"  # ECMA-48, section 8.3.117 (SGR): cyan, faint


class _Line(NamedTuple):
    """One line: `lead` holds what is before a key, or what makes an element of a list."""

    lead: str
    key: str
    value: str
    origin: Origin | None

    @property
    def width(self) -> int:
        return len(self.lead) + len(self.key) + len(self.value)


def write(node: Mapping, *, colour: bool = False) -> str:
    """Return `node` as a YAML document that any reader takes for the same values."""
    lines = list(_mapping(node, "", ""))
    modest = [line.width for line in lines if line.origin and line.width <= _WIDEST]
    column = max(modest, default=0) + 2
    shown = paint if colour else leave_plain
    return "".join(f"{_written(line, column, shown)}\n" for line in lines)


def _written(line: _Line, column: int, shown: Paint) -> str:
    text = f"{line.lead}{shown(line.key, _KEY)}{line.value}"
    if line.origin is None:
        return text.rstrip()
    gap = " " * max(column - line.width, 2)
    # Names of files may hold what ends a line.
    comment = "".join(c if c.isprintable() else " " for c in f"# {_place(line.origin)}")
    return f"{text}{gap}{shown(comment, _COMMENT)}"


def _place(origin: Origin) -> str:
    return f"{origin.file}:{origin.line}" if origin.line else origin.file


def _lines(node: Node, first: str, rest: str) -> Iterator[_Line]:
    """Return the lines of `node`, which has `first` before it, and `rest` from the second on."""
    if isinstance(node, Mapping) and node.items:
        return _mapping(node, first, rest)
    if isinstance(node, Sequence) and node.items:
        return _sequence(node, first, rest)
    return iter([_Line(first, "", _single(node), node.origin)])


def _mapping(node: Mapping, first: str, rest: str) -> Iterator[_Line]:
    for number, (name, item) in enumerate(node.items.items()):
        lead, key = rest if number else first, _text(name)
        if len(key) > _LONGEST_KEY:
            yield _Line(f"{lead}? ", key, "", None)
            yield from _lines(item, f"{rest}: ", f"{rest}  ")
        elif isinstance(item, Scalar) or not item.items:
            yield _Line(lead, key, f": {_single(item)}", item.origin)
        else:
            yield _Line(lead, key, ":", None)
            yield from _lines(item, f"{rest}  ", f"{rest}  ")


def _sequence(node: Sequence, first: str, rest: str) -> Iterator[_Line]:
    for number, item in enumerate(node.items):
        yield from _lines(item, f"{rest if number else first}- ", f"{rest}  ")


def _single(node: Node) -> str:
    """Return what stands in one line: a scalar, or an empty map or list."""
    if not isinstance(node, Scalar):
        return "{}" if isinstance(node, Mapping) else "[]"
    if isinstance(node.value, str):
        return _text(node.value)
    if node.value is None or isinstance(node.value, bool):
        return {None: "null", True: "true", False: "false"}[node.value]
    number = repr(node.value)
    # YAML 1.1 demands a point in what has an exponent: 1e+20 would be text.
    return number if "." in number else number.replace("e", ".0e")


def _text(text: str) -> str:
    return text if _is_plain(text) else f'"{"".join(map(_escaped, text))}"'


def _is_plain(text: str) -> bool:
    """Whether `text` needs no quotes; in doubt, as with whatever begins with a digit, it does."""
    if not text.isprintable() or not (text[:1].isalpha() or text[:1] in set("_/.(")):
        return False
    faults: list[Fault] = []
    node = parse(text, "", faults)
    is_itself = isinstance(node, Scalar) and node.value == text and not faults
    return is_itself and text not in _SWITCHES


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"  # noqa: PLR2004
