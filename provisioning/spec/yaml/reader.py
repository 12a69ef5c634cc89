"""Reads YAML: strictly, in bounded time, every value with its origin."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import yaml

from provisioning.spec.diagnostics import (
    LINE_BREAK,
    Diagnostic,
    Diagnostics,
    nearest,
    origin_at,
    redacted,
)
from provisioning.spec.yaml.mistakes import (
    PLACEHOLDER,
    SYNTAX,
    Trouble,
    explain,
    missing_space,
    pair_in,
    quote,
)
from provisioning.spec.yaml.node import (
    Mapping,
    Node,
    Origin,
    Scalar,
    Sequence,
    doubt,
    is_ambiguous,
    kind_of,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.spec.yaml.mistakes import Place

MAX_DEPTH = 64
MAX_ALIASED = 10_000
"""Values that aliases may stand for, all together: a few lines can expand to billions."""
MAX_VALUES = 20_000

_LONGEST_NUMBER = 100
_AXES = frozenset("yYnN")  # keys that many have, and that nobody who reads YAML 1.1 takes for true

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


def parse_map(
    text: str, file: str, diagnostics: Diagnostics, *, as_written: bool = False
) -> Mapping | None:
    """Return the map that is the one YAML document in `text`; None if it has no meaning.

    `as_written` makes text of what YAML 1.1 and 1.2 read differently: nobody here can change it.
    """
    node = parse(text, file, diagnostics, as_written=as_written)
    if node is None or isinstance(node, Mapping):
        return node
    kind = "a list" if isinstance(node, Sequence) else "one value"
    message = f"the file holds {kind}, but must hold keys with values"
    diagnostics.error(node.origin, "not-a-map", message, _advice(node))
    return None


def _advice(node: Sequence | Scalar) -> str:
    if isinstance(node, Sequence):
        return "write key: value, without a dash"
    tight = pair_in(node.text)
    return f"write {tight}, with a space" if tight else "write key: value"


def parse(
    text: str, file: str, diagnostics: Diagnostics, *, as_written: bool = False
) -> Node | None:
    """Return the one YAML document in `text`; None if it has no meaning."""
    found = Diagnostics()
    node = _parsed(text, file, found, as_written=as_written)
    diagnostics += redacted(found, text) if found else ()  # guard: secret-in-a-syntax-error
    return node


def _parsed(text: str, file: str, diagnostics: Diagnostics, *, as_written: bool) -> Node | None:
    if control := _CONTROL.search(text):  # guard: control-character-in-yaml
        message = f"the control character U+{ord(control[0]):04X} is not allowed in YAML"
        origin = origin_at(file, text, control.start())
        diagnostics.error(origin, "control-character", message, "remove it")
        return None
    reader = _Reader(file, text, diagnostics, as_written=as_written)
    try:
        return reader.document()
    except _Meaningless as error:
        diagnostics.append(error.diagnostic)
    except yaml.MarkedYAMLError as error:
        diagnostics.append(_syntax_error(file, reader.trouble(error)))
    return None


def _syntax_error(file: str, trouble: Trouble) -> Diagnostic:
    def origin(place: Place) -> Origin:
        return Origin(file=file, line=place[0], column=place[1])

    found = explain(trouble)
    related = ((origin(found.began[0]), found.began[1]),) if found.began else ()
    place = origin(found.place or trouble.place)
    return Diagnostic.at(place, found.code, found.message, found.hint, related)


class _Meaningless(Exception):  # noqa: N818 - a way out of the recursion, seen by nobody
    """A mistake after which the rest of the file cannot be read."""

    def __init__(self, origin: Origin, code: str, message: str, hint: str) -> None:
        super().__init__()
        self.diagnostic = Diagnostic.at(origin, code, message, hint)


class _Reader:
    """Makes nodes of libyaml's events: its own composer recurses in C, without a limit."""

    def __init__(self, file: str, text: str, diagnostics: Diagnostics, *, as_written: bool) -> None:
        self._file = file
        self._as_written = as_written
        self._diagnostics = diagnostics
        self._text = text
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._values = self._aliased = 0
        self._last: Any = None  # the event of the last scalar

    def trouble(self, error: yaml.MarkedYAMLError) -> Trouble:
        """Return where libyaml stopped, with what has been read by then."""
        place = _place(error.problem_mark or error.context_mark)
        last = self._last
        is_open = last and last.style in ("'", '"')
        is_open = is_open and last.start_mark.line < last.end_mark.line == place[0] - 1
        return Trouble(
            problem=error.problem or "",
            context=error.context or "",
            place=place,
            since=_place(error.context_mark) if error.context_mark else place,
            open_quote=_place(last.start_mark) if is_open else None,
            lines=LINE_BREAK.split(self._text),
        )

    def document(self) -> Node:
        next(self._events)  # the stream's start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            origin = Origin(file=self._file, line=0, column=1)
            raise _Meaningless(origin, "empty-file", "the file holds nothing", "write key: value")
        node = self._node(next(self._events), "", 0)
        next(self._events)  # the document's end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            message, hint = "a second document starts here", "write it in a separate file"
            raise _Meaningless(self._origin(event, ""), "several-documents", message, hint)
        return node

    def _node(self, event: Any, path: str, depth: int) -> Node:
        origin = self._origin(event, path)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), origin)
        self._values += 1
        if depth > MAX_DEPTH:  # guard: yaml-too-deep
            message = f"this is nested deeper than {MAX_DEPTH} levels"
            hint = "use fewer levels, or look for a bracket that is not closed"
            raise _Meaningless(self._origin(event, ""), "too-deep", message, hint)
        if self._values > MAX_VALUES:  # guard: yaml-too-many-values
            message = f"the file holds more than {MAX_VALUES:,} values"
            raise _Meaningless(origin, "too-many-values", message, "split it into several files")
        if event.tag is not None:  # guard: yaml-tag
            hint = 'write the value alone; quote what is text, as in "0644"'
            message = f"the tag {event.tag.replace(_TAG, '!!')} is refused"
            self._diagnostics.error(origin, "tag", message, hint)
        return self._anchored(event, origin, depth)

    def _anchored(self, event: Any, origin: Origin, depth: int) -> Node:
        before = self._values
        if event.anchor is not None:
            self._anchors[event.anchor] = None  # guard: recursive-alias
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
            near = nearest(anchor, self._anchors)
            hint = f"did you mean *{near}?" if near else self._quote(origin)
            message = f"this is an alias, and there is no anchor &{anchor} above it"
            raise _Meaningless(origin, "unknown-alias", message, hint)
        anchored = self._anchors[anchor]
        if anchored is None:
            message = f"*{anchor} is inside the value that it stands for"
            raise _Meaningless(origin, "recursive-alias", message, "write out what is meant here")
        node, size = anchored
        self._values += size
        self._aliased += size
        if self._aliased > MAX_ALIASED:  # guard: alias-bomb
            message = f"the aliases of this file expand to more than {MAX_ALIASED:,} values"
            raise _Meaningless(origin, "alias-bomb", message, "use fewer aliases")
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
            self._demand_spaces(event, node)  # guard: tight-colon
            if key in keys:  # guard: key-twice
                related = ((keys[key], "first written here"),)
                message, hint = "this key appears twice", "remove one of the two"
                self._diagnostics.error(place, "duplicate-key", message, hint, related)
                continue
            items[key], keys[key] = node, place
        return Mapping(items=items, keys=keys, origin=origin)

    def _key(self, event: Any, mapping: Origin, depth: int) -> str | None:
        """Return the key that starts with `event`; None if it is refused."""
        origin = self._origin(event, mapping.path)
        if isinstance(event, yaml.MappingStartEvent) and self._doubles(mapping, origin):
            message = "a value that starts with {{ needs quotes"
            raise _Meaningless(mapping, PLACEHOLDER, message, self._quote(mapping))
        node = self._node(event, mapping.path, depth + 1)
        if not isinstance(node, Scalar):
            message = f"this key is {kind_of(node)}, but must be text"
            raise _Meaningless(origin, "key-not-text", message, "write key: value")
        if node.text == "<<" and not node.quoted:
            hint = "repeat the keys, or use an alias for a whole value"
            self._diagnostics.error(origin, "merge-key", "<< is not supported", hint)
        elif not isinstance(node.value, str):
            message = f"this key is {kind_of(node)}, but must be text"
            hint = f'quote it: "{shorten(node.text)}":' if node.text else "write key: value"
            self._diagnostics.error(origin, "key-not-text", message, hint)
        # guard: key-that-is-no-text
        elif not node.doubtful and node.text not in _AXES and (reason := doubt(node)):
            hint = f'quote it: "{shorten(node.text)}":'
            self._diagnostics.error(origin, "key-not-text", reason, hint)
        else:
            return node.value
        return None

    def _demand_spaces(self, key: Any, value: Node) -> None:
        """Refuse `-src: a`, and `src:a` in brackets: keys that nobody means."""
        if self._as_written or not isinstance(key, yaml.ScalarEvent) or not key.implicit[0]:
            return
        origin = self._origin(key, "")
        line = LINE_BREAK.split(self._text)[origin.line - 1]
        alone = isinstance(value, Scalar) and not value.text and not value.quoted
        if slip := missing_space(line, origin.column, key.value if alone else ""):
            place = origin._replace(column=slip.place[1] if slip.place else origin.column)
            raise _Meaningless(place, SYNTAX, slip.message, slip.hint)

    @staticmethod
    def _doubles(mapping: Origin, key: Origin) -> bool:
        """Whether a map within a map's key starts as `{{ name }}` does."""
        return (key.line, key.column) == (mapping.line, mapping.column + 1)

    def _quote(self, origin: Origin) -> str:
        return quote(LINE_BREAK.split(self._text)[origin.line - 1], origin.column)

    def _scalar(self, event: Any, origin: Origin) -> Scalar:
        self._last = event
        value: str | int | float | bool | None = event.value
        quoted = not event.implicit[0]  # or tagged, which was reported  # guard: quoted-is-text
        # guard: variables-as-written
        doubtful = self._as_written and not quoted and is_ambiguous(event.value)
        if not quoted and not doubtful:
            value = self._typed(event.value, origin)
        return Scalar(
            value=value, origin=origin, text=event.value, quoted=quoted, doubtful=doubtful
        )

    def _typed(self, text: str, origin: Origin) -> str | int | float | bool | None:
        tag = _tag_of(yaml.ScalarNode, text, (True, False))
        if tag not in _TYPES:
            return text
        value: int | float | bool | None = math.nan
        # Longer ones take quadratic time to read, or cannot be written in decimal afterwards.
        if len(text) <= _LONGEST_NUMBER:  # guard: longest-number
            with suppress(ValueError):  # such as 0x_
                value = _TYPES[tag](yaml.ScalarNode(tag, text))
        if isinstance(value, float) and not math.isfinite(value):
            message = f"{shorten(text)} is a number that cannot be used"
            self._diagnostics.error(origin, "not-finite", message, "quote it if it is text")
            return text
        return value

    def _origin(self, event: Any, path: str) -> Origin:
        line, column = _place(event.start_mark)
        return Origin(file=self._file, line=line, column=column, path=path)


def _place(mark: Any) -> Place:
    return mark.line + 1, mark.column + 1
