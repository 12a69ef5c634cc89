"""What `provision spec` shows of a variant: its resolved values as YAML, each with its origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.console import leave_plain, paint
from provisioning.spec.diagnostics import Diagnostics
from provisioning.spec.model.content import Contents
from provisioning.spec.model.services import DEVICE
from provisioning.spec.resolve.project import DEFAULTS
from provisioning.spec.resolve.variables import BUILT_IN, RESERVED
from provisioning.spec.yaml.node import Mapping, Scalar, Sequence, each_scalar, plain
from provisioning.spec.yaml.reader import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.console import Paint
    from provisioning.spec.resolve.project import Resolved
    from provisioning.spec.resolve.variables import Scope
    from provisioning.spec.yaml.node import Node, Origin

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
    diagnostics = Diagnostics()
    node = parse(text, "", diagnostics)
    is_itself = isinstance(node, Scalar) and node.value == text and not diagnostics
    return is_itself and text not in _SWITCHES


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"  # noqa: PLR2004


SECRET = "(secret)"  # noqa: S105 - what stands in a secret's place
_TOP = (
    *("system", "service_manager", "summary", "license", "maintainer"),
    *("formats", "compression", "mtime", "debian"),
)


class ResolvedView(NamedTuple):
    """What `provision spec` shows of a variant; no secret is in it."""

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


def resolved_view(resolved: Resolved) -> ResolvedView:
    """Return what a variant without diagnostics was made from: merged, resolved, nothing added."""
    scope = resolved.scope.fresh()
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
    shown = {
        key: each_scalar(node, _masked) for key, node in sections.items() if _says_something(node)
    }
    node = _map(shown, merged.origin)
    return ResolvedView(plain(node)["name"], plain(node)["platform"], node)


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
    contents = Contents(scope, ("", ""))
    for _, item in contents.with_items(resolved.contents):
        yield _texts(_unconditional(item), scope)


def _unconditional(item: Mapping) -> Mapping:
    return item.without("only", "except")


def _texts(node: Node, scope: Scope) -> Node:
    """Return `node` resolved; where a text was written, it stays one, whatever it refers to."""

    def resolved(each: Scalar) -> Node:
        found = scope.resolve(each)
        if isinstance(found, Scalar) and isinstance(each.value, str):
            return found._replace(value=found.text)
        return found or each

    return each_scalar(node, resolved)


def _masked(each: Scalar) -> Scalar:
    return each._replace(value=SECRET, text=SECRET) if each.secret else each


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
