"""Knows what of a document the schema refuses, and how that is told."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from cerberus import TypeDefinition, Validator, errors

from provisioning.spec.debian import DOCUMENTS, FIELDS
from provisioning.spec.doubts import doubts, known_instead
from provisioning.spec.fault import Fault
from provisioning.spec.instead import instead
from provisioning.spec.node import Mapping, Node, Scalar, Sequence, kind_of, plain, shorten
from provisioning.spec.rule import MODES
from provisioning.spec.schema import CONTENT, HOOKS, KINDS, ONE_SOURCE, WITH_DST, inner
from provisioning.spec.synonym import meant_by, suggestion
from provisioning.spec.withheld import SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.spec.schema import Schema

    Path = tuple[str | int, ...]

_TYPE_NAMES = {
    "integer": "a whole number",
    "string": "text",
    "list": "a list",
    "dict": "a map",
    "boolean": "true or false",
}
_NOT_NEEDED = frozenset((*HOOKS, "user", "group", "directory", *DOCUMENTS, *FIELDS))
_OCTAL = re.compile("[0-7]{1,4}")
_TOGETHER = errors.ErrorDefinition(0x1000, "check_with")
_VALIDATORS: dict[int, _Validator] = {}


def check(node: Mapping, schema: Schema, faults: list[Fault]) -> Mapping:
    """Return `node` without what `schema` refuses, for which faults are added.

    What is left has the right types everywhere, so that more can be said about it. Keys that
    start with `x-` are the author's own, a place for anchors.
    """
    node = node.without(*(key for key in node.items if key.startswith("x-")))
    validator = _validator(schema)
    validator.validate(plain(node), normalize=False)
    # A misspelt key is one mistake: what it was meant to be is not missing as well.
    meant = {meant_by(key, schema) for key in node.items}
    found = [error for error in validator.errors if not _is_missing(error, meant)]
    faults += [_fault(node, error, schema) for error in found]
    refused = {error.document_path for error in found if error.code != _TOGETHER.code}
    sound = _prune(node, refused) if refused else node
    # What is anchored may be met several times.
    faults += dict.fromkeys(doubts(sound, {"schema": schema}))
    return sound


def _validator(schema: Schema) -> _Validator:
    """Made once: cerberus takes longer to look at a schema than at most of what it describes."""
    key = id(schema)  # which stays its own: a validator keeps the schema that it was given
    if key not in _VALIDATORS:
        _VALIDATORS[key] = _Validator(schema, error_handler=_Flat)
    return _VALIDATORS[key]


class _Flat(errors.BaseErrorHandler):  # type: ignore[misc]  # cerberus has no type hints
    """Hands on cerberus' errors as they are, those within lists and maps included."""

    def __call__(self, found: Iterable[Any]) -> list[Any]:
        return [leaf for error in found for leaf in self._leaves(error)]

    def _leaves(self, error: Any) -> list[Any]:
        return self(error.child_errors) if error.is_group_error else [error]


class _Validator(Validator):  # type: ignore[misc]  # as above
    """Adds what keys must be together, which the rules of single keys cannot say."""

    # To Python true is a number, to YAML and JSON it is none.
    types_mapping = {  # noqa: RUF012 - as cerberus has it
        **Validator.types_mapping,
        "integer": TypeDefinition("integer", (int,), (bool,)),
    }

    def _check_with_content(self, field: int, value: Schema | None) -> None:
        if value is None:
            return  # cerberus refuses a null, and checks it all the same
        meant = {meant_by(key, CONTENT["schema"]) or key for key in value}
        kinds = [kind for kind in KINDS if kind in meant]
        if len(kinds) != 1:
            which = f"{' and '.join(kinds)} exclude each other" if kinds else "nothing to install"
            message = f"{which}; give exactly one of {', '.join(KINDS)}"
            self._error(field, _TOGETHER, "content-kind", message)
            return
        for key in sorted(value.keys() & KINDS[kinds[0]]):
            message = f"this means nothing beside {kinds[0]}; remove it"
            self._error(field, _TOGETHER, "idle-key", message, key)
        if kinds[0] in WITH_DST and "dst" not in meant:
            self._error(field, _TOGETHER, "missing-key", "dst is missing")

    def _check_with_version(self, field: str, value: object) -> None:
        if value == {}:  # more than one is refused after overlays have had their say
            self._error(field, _TOGETHER, "version-source", ONE_SOURCE)


def _fault(root: Mapping, error: Any, schema: Schema) -> Fault:
    *parents, key = error.document_path
    parent = _at(root, parents)
    if error.code == errors.UNKNOWN_FIELD.code:
        hint = suggestion(key, _rule(schema, parents)["schema"])
        return Fault.at(parent.keys[key], "unknown-key", "unknown key", hint)
    if error.code == errors.REQUIRED_FIELD.code:
        return Fault.at(parent.origin, "missing-key", f"{key} is missing")
    node = _at(parent, [key])
    if error.code == _TOGETHER.code:
        code, message, *inner = error.info
        return Fault.at(node.keys[inner[0]] if inner else node.origin, code, message)
    if error.code == errors.MIN_LENGTH.code:
        return Fault.at(node.origin, "empty", "at least one is needed")
    return _type_fault(node, key, _rule(schema, error.document_path))


def _type_fault(node: Node, key: str | int, rule: Schema) -> Fault:
    types: str | list[str] = rule["type"]
    wanted = [types] if isinstance(types, str) else types
    quotable = "string" in wanted and "integer" not in wanted
    if quotable and isinstance(node, Scalar) and node.value is not None:
        is_mode = key in MODES and _OCTAL.fullmatch(node.text)
        text = shorten(node.text.zfill(4) if is_mode else node.text)
        written = f'"{text}"' if isinstance(key, int) else f'{key}: "{text}"'
        message = f"{shorten(node.text)} is {kind_of(node)} here; quote it: {written}"
        if is_mode:
            return Fault.at(node.origin, "unquoted-mode", message)
        if told := _better(node, key, rule):
            message = f"{node.text} is {kind_of(node)} here, and must be text"
            return Fault.at(node.origin, "unquoted-text", message, told)
        return Fault.at(node.origin, "unquoted-text", message)
    names = " or ".join(_TYPE_NAMES[name] for name in wanted)
    message = f"this is {kind_of(node)}, and must be {names}"
    fault = Fault.at(node.origin, "wrong-type", message, instead(node, key, rule))
    return replace(fault, excerpt=key != SECRETS)


def _better(node: Scalar, key: str | int, rule: Schema) -> str:
    """What to write for what is no text, where quotes would not be enough; else ""."""
    if told := known_instead(node, rule, f"{key}: " if isinstance(key, str) else ""):
        return told
    if node.value is False and key in _NOT_NEEDED:
        return f"leave {key} out, where none is meant"
    return ""


def _is_missing(error: Any, keys: set[str | None]) -> bool:
    return error.code == errors.REQUIRED_FIELD.code and error.field in keys


def _at(node: Node, path: Iterable[str | int]) -> Any:
    for key in path:
        # Where cerberus has been, there are maps with keys, and lists with numbers.
        node = node.items[key]  # type: ignore[union-attr, index]
    return node


def _rule(schema: Schema, path: Iterable[str | int]) -> Schema:
    """Return the rules for what stands at `path`."""
    return reduce(inner, path, {"schema": schema})


def _prune(node: Mapping, refused: set[Path], path: Path = ()) -> Mapping:
    """Return `node` without what stands at the paths in `refused`."""
    kept = node.without(*(key for key in node.items if (*path, key) in refused))
    items = {key: _pruned(item, refused, (*path, key)) for key, item in kept.items.items()}
    return replace(kept, items=items)


def _pruned(node: Node, refused: set[Path], path: Path) -> Node:
    if isinstance(node, Mapping):
        return _prune(node, refused, path)
    if isinstance(node, Sequence):
        numbered = [((*path, number), item) for number, item in enumerate(node.items)]
        kept = tuple(_pruned(item, refused, at) for at, item in numbered if at not in refused)
        return replace(node, items=kept)
    return node
