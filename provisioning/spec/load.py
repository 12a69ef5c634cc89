"""Knows how YAML is read: strictly, in bounded time, every value with its origin."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import yaml

from provisioning.spec.fault import Fault, did_you_mean
from provisioning.spec.inputs import place
from provisioning.spec.node import Mapping, Node, Scalar, Sequence, kind_of, shorten
from provisioning.spec.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.spec.inputs import Inputs

MAX_DEPTH = 64
MAX_ALIASED = 10_000
"""Values that aliases may stand for, all together: a few lines can expand to billions."""
MAX_VALUES = 20_000

# YAML 1.1, section 5.1; libyaml refuses these too, but does not say where.
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_tag_of: Any = yaml.resolver.Resolver().resolve
_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_TAG = "tag:yaml.org,2002:"
# Everything else is text: dates too, since no key of a spec is a date, and JSON has none.
_TYPES = {
    _TAG + "int": _CONSTRUCTOR.construct_yaml_int,
    _TAG + "float": _CONSTRUCTOR.construct_yaml_float,
    _TAG + "bool": _CONSTRUCTOR.construct_yaml_bool,
    _TAG + "null": _CONSTRUCTOR.construct_yaml_null,
}
# The mistakes people make most, in words that help more than libyaml's.
_PROBLEMS = {
    "found character that cannot start any token": (
        "no value starts with this character",
        "indent with spaces, not tabs; quote a value that starts with @, ` or %",
    ),
    "mapping values are not allowed in this context": (
        "a second colon in one line",
        'quote a value that holds ": "',
    ),
    "could not find expected ':'": ("a key without a colon", "write key: value"),
    "did not find expected key": (
        "a key of the map above should stand here",
        "indent it as the other keys are; quote a value that holds : or quotes",
    ),
}


def load(inputs: Inputs, file: str, asked: Origin, faults: list[Fault]) -> Mapping | None:
    """Return the map that the YAML file `file` of the project holds; None after a fault.

    `asked` is where the file was asked for, for when it cannot be read. After faults that leave
    a meaning (a duplicate key: the first one counts), the map is returned as well, so that one
    report can tell of all that is wrong.
    """
    text = inputs.text(file, asked, faults)
    return None if text is None else parse_map(text, file, faults)


def parse_map(text: str, file: str, faults: list[Fault]) -> Mapping | None:
    """Return the map that is the one YAML document in `text`, as `load` does."""
    node = parse(text, file, faults)
    if node is None or isinstance(node, Mapping):
        return node
    faults.append(Fault.at(node.origin, "not-a-map", "the file must hold a map of keys"))
    return None


def parse(text: str, file: str, faults: list[Fault]) -> Node | None:
    """Return the one YAML document in `text`; None after a fault that leaves no meaning."""
    if control := _CONTROL.search(text):
        message = f"the control character U+{ord(control[0]):04X} cannot stand in YAML"
        origin = place(file, text, control.start())
        faults.append(Fault.at(origin, "control-character", message))
        return None
    try:
        return _Reader(file, text, faults).document()
    except _Meaningless as error:
        faults.append(error.fault)
    except yaml.MarkedYAMLError as error:
        faults.append(_syntax_fault(file, error))
    return None


def _syntax_fault(file: str, error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    origin = Origin(file=file, line=line, column=column)
    raw = ", ".join(part for part in (error.problem, error.context) if part)
    message, hint = _PROBLEMS.get(error.problem or "", (raw, ""))
    return Fault.at(origin, "yaml-syntax", message, hint)


class _Meaningless(Exception):  # noqa: N818 - a way out of the recursion, seen by nobody
    """A fault after which the rest of the file cannot be read."""

    def __init__(self, origin: Origin, code: str, message: str, hint: str = "") -> None:
        super().__init__()
        self.fault = Fault.at(origin, code, message, hint)


class _Reader:
    """Makes nodes of libyaml's events: its own composer recurses in C, without a limit."""

    def __init__(self, file: str, text: str, faults: list[Fault]) -> None:
        self._file = file
        self._faults = faults
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._values = self._aliased = 0

    def document(self) -> Node:
        next(self._events)  # the stream's start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise _Meaningless(self._origin(event, ""), "empty-file", "the file is empty")
        node = self._node(next(self._events), "", 0)
        next(self._events)  # the document's end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise _Meaningless(
                self._origin(event, ""), "several-documents", "a second document starts here"
            )
        return node

    def _node(self, event: Any, path: str, depth: int) -> Node:
        origin = self._origin(event, path)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), origin)
        self._values += 1
        if depth > MAX_DEPTH:
            message = f"this is nested deeper than {MAX_DEPTH} levels"
            raise _Meaningless(self._origin(event, ""), "too-deep", message)
        if self._values > MAX_VALUES:
            raise _Meaningless(origin, "too-many-values", f"more than {MAX_VALUES:,} values")
        if event.tag is not None:
            hint = 'write the value alone; quote what is text, as in "0644"'
            self._faults.append(Fault.at(origin, "tag", f"the tag {event.tag} is refused", hint))
        return self._anchored(event, origin, depth)

    def _anchored(self, event: Any, origin: Origin, depth: int) -> Node:
        before = self._values
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.MappingStartEvent):
            node: Node = self._mapping(origin, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(origin, depth)
        else:
            node = self._scalar(event, origin)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._values - before + 1)
        return node

    def _alias(self, anchor: str, origin: Origin) -> Node:
        if anchor not in self._anchors:
            hint = did_you_mean(anchor, self._anchors)
            raise _Meaningless(origin, "unknown-alias", f"nothing is called &{anchor}", hint)
        anchored = self._anchors[anchor]
        if anchored is None:
            raise _Meaningless(origin, "recursive-alias", f"*{anchor} stands within itself")
        node, size = anchored
        self._values += size
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            message = f"the aliases of this file stand for more than {MAX_ALIASED:,} values"
            raise _Meaningless(origin, "alias-bomb", message)
        return node

    def _sequence(self, origin: Origin, depth: int) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, f"{origin.path}[{len(items)}]", depth + 1))
        return Sequence(items=tuple(items), origin=origin)

    def _mapping(self, origin: Origin, depth: int) -> Mapping:
        items: dict[str, Node] = {}
        keys: dict[str, Origin] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, origin, depth)
            path = ".".join(part for part in (origin.path, key) if part)
            place = self._origin(event, path)
            node = self._node(next(self._events), path, depth + 1)
            if key is None:
                continue
            if key in keys:
                related = ((keys[key], "first written here"),)
                self._faults.append(
                    Fault.at(place, "duplicate-key", "this key is here twice", related=related)
                )
                continue
            items[key], keys[key] = node, place
        return Mapping(items=items, keys=keys, origin=origin)

    def _key(self, event: Any, mapping: Origin, depth: int) -> str | None:
        """Return the key that starts with `event`; None after a fault."""
        origin = self._origin(event, mapping.path)
        if isinstance(event, yaml.MappingStartEvent) and origin.column == mapping.column + 1:
            message = "a value that starts with {{ is a map to YAML"
            raise _Meaningless(origin, "unquoted-placeholder", message, 'quote it: "{{ name }}"')
        node = self._node(event, mapping.path, depth + 1)
        if not isinstance(node, Scalar):
            raise _Meaningless(origin, "key-not-text", "a key must be text")
        if node.text == "<<" and not node.quoted:
            hint = "repeat the keys, or use an alias for a whole value"
            self._faults.append(Fault.at(origin, "merge-key", "<< is not supported", hint))
        elif not isinstance(node.value, str):
            message = (
                f'as a key, {node.text or "this"} is {kind_of(node)}; quote it: "{node.text}":'
            )
            self._faults.append(Fault.at(origin, "key-not-text", message))
        else:
            return node.value
        return None

    def _scalar(self, event: Any, origin: Origin) -> Scalar:
        value: str | int | float | bool | None = event.value
        quoted = event.style in {"'", '"', "|", ">"}
        if not quoted and event.implicit[0]:
            value = self._typed(event.value, origin)
        return Scalar(value=value, origin=origin, text=event.value, quoted=quoted)

    def _typed(self, text: str, origin: Origin) -> str | int | float | bool | None:
        tag = _tag_of(yaml.ScalarNode, text, (True, False))
        if tag not in _TYPES:
            return text
        try:
            value: int | float | bool | None = _TYPES[tag](yaml.ScalarNode(tag, text))
        except ValueError:  # such as 0x_, and numbers of thousands of digits
            value = math.nan
        if isinstance(value, float) and not math.isfinite(value):
            message = f"{shorten(text)} is a number that cannot be used"
            self._faults.append(Fault.at(origin, "not-finite", message, "quote it if it is text"))
            return text
        return value

    def _origin(self, event: Any, path: str) -> Origin:
        mark = event.start_mark
        return Origin(file=self._file, line=mark.line + 1, column=mark.column + 1, path=path)
