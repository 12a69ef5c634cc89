"""Replaces `{{ name }}` in a spec with the value of that name; there are no expressions."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from provisioning.spec.diagnostics import Diagnostics, did_you_mean, nearest
from provisioning.spec.yaml.node import (
    Mapping,
    Node,
    Origin,
    Scalar,
    Sequence,
    is_ambiguous,
    kind_of,
    marked,
)

if TYPE_CHECKING:
    from provisioning.spec.resolve.inputs import Inputs
    from provisioning.spec.schema.rules import Rule

BUILT_IN = ("name", "version", "platform", "os", "arch", "prefix")
"""Names that every variant has, and nobody sets."""
ENVIRONMENT = "env"
RESERVED = frozenset((*BUILT_IN, ENVIRONMENT))
MAX_VALUES = 50_000
MAX_DEPTH = 128
MAX_TEXT = 1 << 16
MAX_CIRCLES = 20

# Anything more would make it an expression, which does not belong in YAML.
_PLACEHOLDER = re.compile(r"""\{\{\s*([^{}\s|()\[\]'"]+)\s*\}\}""")


def named_in(text: str) -> set[str]:
    """Return the names in the placeholders of `text`, of `server.port` the first part."""
    return {name.split(".")[0] for name in _PLACEHOLDER.findall(text)}


class Scope:
    """The names of one variant. They are resolved when they are used, so their order is free."""

    def __init__(
        self,
        names: dict[str, Node],
        inputs: Inputs,
        diagnostics: Diagnostics,
        *,
        complete: bool = True,
    ) -> None:
        """Resolve against `names`, and add to `diagnostics` what is wrong in a text.

        Not `complete`: a file of variables could not be read, so a name may well be missing.
        """
        self._names = Mapping(items=names, keys={}, origin=Origin(file="", line=0, column=1))
        self.inputs = inputs
        self.diagnostics = diagnostics
        self._complete = complete
        self._open: list[Origin] = []  # the texts being resolved, each within the one before
        self._values = self._depth = 0
        self._exhausted = False
        self._circles = 0

    def with_text(self, name: str, text: str, origin: Origin) -> Scope:
        """Return the same scope with `name` standing for `text`, just as it is."""
        node = Scalar(value=text, origin=origin, text=text, quoted=True, literal=True)
        return self.fresh({name: node})

    def fresh(self, others: dict[str, Node] | None = None) -> Scope:
        """Return the same scope, with `others` set, with nothing of its limits used."""
        names = {**self._names.items, **(others or {})}
        return Scope(names, self.inputs, self.diagnostics, complete=self._complete)

    def variables(self) -> dict[str, Node]:
        """Return every name with its value, less those that cannot be resolved."""
        resolved = {name: self.resolve(node) for name, node in self._names.items.items()}
        return {name: node for name, node in resolved.items() if node is not None}

    def resolve(self, node: Node) -> Node | None:
        """Return `node` with every placeholder replaced; None if that is not possible.

        A text that is one placeholder and nothing else takes the value as it is, a map included.
        """
        if not self._affordable(node):
            return None
        self._depth += 1
        try:
            if isinstance(node, Mapping):
                return self._mapping(node)
            return self._sequence(node) if isinstance(node, Sequence) else self._scalar(node)
        finally:
            self._depth -= 1

    def text(self, node: Scalar, rule: Rule | None = None) -> str | None:
        """Return the text that `node` is once resolved, and `rule` allows; else None.

        What asks for one text writes it where everybody can read it, so a secret is refused.
        """
        value = self._scalar(node)
        if isinstance(value, Scalar) and value.secret:
            message = "this contains a secret, which everybody could read in the package"
            hint = "a secret can be used in templates, and in other secrets"
            self._refuse(node, "exposed-secret", message, hint)
            return None
        text = None if value is None else self._as_text(value, node)
        # What was refused as it is written is not refused again for what it says.
        is_refused = not node.quoted and is_ambiguous(node.text)
        diagnostics = Diagnostics() if is_refused else self.diagnostics
        if text is None or rule is None or rule.holds(text, node.origin, diagnostics):
            return text
        return None

    def read(self, mapping: Mapping, key: str, rule: Rule | None = None) -> str | None:
        """Return the text at `key`, allowed by `rule`; None if there is none, or it is wrong."""
        node = mapping.items.get(key)
        return self.text(node, rule) if isinstance(node, Scalar) else None

    def texts(self, mapping: Mapping, key: str, rule: Rule | None = None) -> tuple[str, ...]:
        """Return the texts of the list at `key`, without those that are wrong."""
        scalars = (node for node in mapping.sequence(key) if isinstance(node, Scalar))
        found = (self.text(node, rule) for node in scalars)
        return tuple(text for text in found if text is not None)

    def _mapping(self, node: Mapping) -> Mapping | None:
        items = {key: self.resolve(item) for key, item in node.items.items()}
        whole = {key: item for key, item in items.items() if item is not None}
        return node._replace(items=whole) if len(whole) == len(items) else None

    def _sequence(self, node: Sequence) -> Sequence | None:
        items = [self.resolve(item) for item in node.items]
        whole = tuple(item for item in items if item is not None)
        return node._replace(items=whole) if len(whole) == len(items) else None

    def _scalar(self, node: Scalar) -> Node | None:
        if not isinstance(node.value, str) or node.literal or "{{" not in node.value:
            return node
        if node.origin in self._open:
            self._circle(node.origin)
            return None
        self._open.append(node.origin)
        try:
            return self._fill(node, node.value)
        finally:
            self._open.pop()

    def _fill(self, node: Scalar, text: str) -> Node | None:
        if whole := _PLACEHOLDER.fullmatch(text):
            value = self._value(whole[1], node)
            return marked(value, secret=True) if value and node.secret else value
        parts: list[str | None] = list(_PLACEHOLDER.split(text))
        if any("{{" in part for part in parts[::2] if part):
            hint = "write a name between {{ and }}, as in {{ port }} or {{ server.port }}"
            self._refuse(node, "bad-placeholder", "{{ does not start a placeholder here", hint)
            return None
        # Every placeholder is looked at, even after a fault: one report tells of all.
        secret = node.secret
        for number in range(1, len(parts), 2):
            name = str(parts[number])
            value = self._value(name, node)
            parts[number] = None if value is None else self._as_text(value, node, name)
            secret |= isinstance(value, Scalar) and value.secret
        filled = "".join(part for part in parts if part is not None)
        if len(filled) > MAX_TEXT:
            self._refuse(node, "too-long", f"this becomes longer than {MAX_TEXT:,} characters")
            return None
        if None in parts:
            return None
        return node._replace(value=filled, text=filled, secret=secret)

    def _value(self, name: str, user: Scalar) -> Node | None:
        first, *rest = name.split(".")
        if first == ENVIRONMENT:
            return self._from_environment(".".join(rest), user)
        node: Node = self._names
        for part in (first, *rest):
            inner = self._scalar(node) if isinstance(node, Scalar) else node
            if inner is None:
                return None
            if not isinstance(inner, Mapping) or part not in inner.items:
                self._undefined(name, part, inner, user)
                return None
            node = inner.items[part]
        return self.resolve(node)

    def _from_environment(self, name: str, user: Scalar) -> Node | None:
        value = self.inputs.environment(name) if name else None
        if value is None:
            message = f"the environment variable {name} is not set"
            if not name:
                message = "env is the environment as a whole; name a variable, as in {{ env.HOME }}"
            hint = did_you_mean(name, os.environ) if nearest(name, os.environ) else ""
            self._refuse(user, "unset-environment", message, hint)
            return None
        if user.secret and not value:
            message = f"the environment variable {name} is empty, and a secret must not be"
            self._refuse(user, "unset-environment", message)
            return None
        try:
            value.encode()
        except UnicodeEncodeError:
            message = f"the environment variable {name} is not text in UTF-8"
            self._refuse(user, "unset-environment", message)
            return None
        origin = Origin(file="(environment)", line=0, column=1, path=name)
        return Scalar(value=value, origin=origin, text=value, quoted=True, literal=True)

    def _undefined(self, name: str, part: str, inner: Node, user: Scalar) -> None:
        message = f"there is no variable {name}"
        if not isinstance(inner, Mapping):
            message += f": {part} is looked up in {kind_of(inner)}"
        if self._complete:
            hint = did_you_mean(part, inner.items) if isinstance(inner, Mapping) else ""
            self._refuse(user, "undefined-variable", message, hint)

    def _as_text(self, value: Node, user: Scalar, name: str = "this") -> str | None:
        if isinstance(value, Scalar) and value.value is not None:
            return value.text
        message = f"{name} is {kind_of(value)} and cannot be part of a text"
        self._refuse(user, "not-text", message)
        return None

    def _affordable(self, node: Node) -> bool:
        """Whether to go on: a few names that use each other twice each would never end."""
        self._values += 1
        if self._values > MAX_VALUES:
            self._refuse_once(node, f"the variables expand to more than {MAX_VALUES:,} values")
        elif self._depth > MAX_DEPTH:
            self._refuse_once(node, f"the variables are nested more than {MAX_DEPTH} levels deep")
        return not self._exhausted

    def _refuse_once(self, node: Node, message: str) -> None:
        if not self._exhausted:
            self._refuse(node, "too-many-values", message)
        self._exhausted = True

    def _circle(self, again: Origin) -> None:
        """Report a circle once, wherever it was entered: from its first place in the files."""
        self._circles += 1
        if self._circles > MAX_CIRCLES:
            self._exhausted = True  # names that all use each other have more than anyone reads
            return
        circle = self._open[self._open.index(again) :]
        first = circle.index(min(circle))
        circle = circle[first:] + circle[:first]
        names = " → ".join(origin.path for origin in (*circle, circle[0]))
        related = tuple((origin, "and uses it here") for origin in circle[1:])
        message = f"this uses itself: {names}"
        self.diagnostics.error(circle[0], "variable-circle", message, related=related)

    def _refuse(self, node: Node, code: str, message: str, hint: str = "") -> None:
        self.diagnostics.error(node.origin, code, message, hint)
