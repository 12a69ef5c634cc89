"""Knows which keys specs and platform files may hold, and of which type: the one schema."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cerberus import TypeDefinition, Validator, errors

from provisioning.spec.debian import DOCUMENTS, FIELDS, RELATIONS
from provisioning.spec.fault import Fault, did_you_mean, nearest
from provisioning.spec.node import Mapping, Node, Scalar, Sequence, kind_of, plain, shorten
from provisioning.spec.rule import (
    FORMAT,
    MODE,
    MODES,
    MTIME,
    NAME,
    OWNER,
    SERVICE_MANAGER,
    VERSION,
    Rule,
)
from provisioning.spec.service_rule import (
    ADDRESS,
    LONGEST_WAIT,
    RESTART,
    SECONDS,
    URL,
    VARIABLE,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema = dict[str, Any]
Path = tuple[str | int, ...]


def _ruled(rule: Rule) -> Schema:
    # What a rule says is seen once texts are resolved; here it is for editors, by json_schema.
    return {"type": "string", "meta": {"rule": rule}}


_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "list", "schema": _TEXT}
_MODE, _OWNER, _NAME = _ruled(MODE), _ruled(OWNER), _ruled(NAME)
_SWITCH: Schema = {"type": "boolean"}

_NAMES: Schema = {"type": ["string", "list"], "schema": _TEXT, "minlength": 1}
_ONLY_HERE: Schema = {"only": _NAMES, "except": _NAMES}
# A key without a value takes away what an ancestor, or the spec itself, said of it.
_REMOVABLE: Schema = {**_TEXT, "nullable": True}

# A number, or a text with a placeholder for one.
_SECONDS: Schema = {
    "type": ["integer", "string"],
    "meta": {"rule": SECONDS, "range": (1, LONGEST_WAIT)},
    "nullable": True,
}

# What a content is made of, and the keys that would mean nothing there.
_ATTRIBUTES = frozenset({"mode", "owner", "group", "conffile", "optional", "exclude"})
KINDS: dict[str, frozenset[str]] = {
    "src": frozenset(),
    "template": frozenset({"exclude"}),
    "link": frozenset({"exclude", "conffile", "mode"}),
    "dir": frozenset({"exclude", "conffile", "optional", "dst"}),
    "include": _ATTRIBUTES | {"dst"},
    "remove": _ATTRIBUTES | {"dst"},
}
WITH_DST = frozenset({"src", "template", "link"})
_CONTENT: Schema = {
    "type": "dict",
    "check_with": "content",
    "schema": {
        **dict.fromkeys((*KINDS, "dst"), _TEXT),
        "mode": _MODE,
        **dict.fromkeys(("owner", "group"), _OWNER),
        "exclude": _TEXTS,
        "conffile": _SWITCH,
        "optional": _SWITCH,
        **_ONLY_HERE,
    },
}
_CONTENTS: Schema = {"type": "list", "schema": _CONTENT}
_SERVICE: Schema = {
    "type": "dict",
    "nullable": True,
    "schema": {
        "exec": _REMOVABLE,
        "restart": {**_ruled(RESTART), "nullable": True},
        "user": {**_OWNER, "nullable": True},
        "group": {**_OWNER, "nullable": True},
        "environment": {
            "type": "dict",
            "nullable": True,
            "valuesrules": _REMOVABLE,
            "meta": {"keys": VARIABLE},
        },
        "directory": _REMOVABLE,
        "health": {
            "type": "dict",
            "nullable": True,
            "minlength": 1,
            "schema": {
                "http": {**_ruled(URL), "nullable": True},
                "tcp": {
                    "type": ["integer", "string"],
                    "meta": {"rule": ADDRESS, "range": (1, 65535)},
                    "nullable": True,
                },
                "command": _REMOVABLE,
                "uptime": _SECONDS,
                "within": _SECONDS,
            },
        },
        **_ONLY_HERE,
    },
}
HOOKS = ("pre_install", "post_install", "pre_remove", "post_remove")
_HOOK: Schema = {
    "type": ["string", "dict"],
    "nullable": True,
    "schema": {"run": {**_TEXT, "required": True}, "timeout": _SECONDS, **_ONLY_HERE},
}
_VALUE: Schema = {
    "type": "dict",
    "nullable": True,
    "schema": {"pattern": _TEXT, "secret": _SWITCH, "summary": _TEXT},
}
_DEBIAN: Schema = {
    "type": "dict",
    "schema": {
        **{key: _ruled(rule) for key, rule in FIELDS.items()},
        **{key: {"type": "list", "schema": _ruled(rule)} for key, rule in RELATIONS.items()},
        **dict.fromkeys(DOCUMENTS, _TEXT),
    },
}
_SHARED: Schema = {
    "prefix": _TEXT,
    "formats": {"type": "list", "schema": _ruled(FORMAT), "minlength": 1},
    "compression": {"type": "dict", "valuesrules": _TEXT, "meta": {"keys": FORMAT}},
    "mtime": _ruled(MTIME),
    "debian": _DEBIAN,
    "service_manager": _ruled(SERVICE_MANAGER),
    "defaults": {
        "type": "dict",
        "schema": {"owner": _OWNER, "group": _OWNER, "file_mode": _MODE, "dir_mode": _MODE},
    },
    "variables": {"type": "dict"},
    "secrets": {"type": "dict"},
}
_OVERLAY: Schema = {
    **_SHARED,
    **dict.fromkeys(("summary", "license", "maintainer"), _TEXT),
    "version": {
        "type": ["string", "dict"],
        "meta": {"rule": VERSION},
        "check_with": "version",
        "schema": dict.fromkeys(("file", "pyproject", "from"), _TEXT),
    },
    "variables_from": _TEXTS,
    "secrets_from": _TEXTS,
    "contents": _CONTENTS,
    "services": {"type": "dict", "valuesrules": _SERVICE, "meta": {"keys": NAME}},
    "hooks": {"type": "dict", "schema": dict.fromkeys(HOOKS, _HOOK)},
    "device": {"type": "dict", "valuesrules": _VALUE, "meta": {"keys": VARIABLE}},
}
SPEC: Schema = {
    **_OVERLAY,
    "name": {**_NAME, "required": True},
    "version": {**_OVERLAY["version"], "required": True},
    "platforms": {
        "type": "dict",
        "required": True,
        "minlength": 1,
        "valuesrules": {"type": "dict", "nullable": True, "schema": _OVERLAY},
        "meta": {"keys": NAME},
    },
}
PLATFORM: Schema = {
    **_SHARED,
    "platform": {**_NAME, "required": True},
    **dict.fromkeys(("extends", "os", "arch"), _NAME),
}
FRAGMENT: Schema = {"contents": {**_CONTENTS, "required": True}}

_TYPE_NAMES = {
    "integer": "a whole number",
    "string": "text",
    "list": "a list",
    "dict": "a map",
    "boolean": "true or false",
}
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
    meant = {nearest(key, schema) for key in node.items}
    found = [error for error in validator.errors if not _is_missing(error, meant)]
    faults += [_fault(node, error, schema) for error in found]
    refused = {error.document_path for error in found if error.code != _TOGETHER.code}
    return _prune(node, refused) if refused else node


def _validator(schema: Schema) -> _Validator:
    """Made once: cerberus takes longer to look at a schema than at most of what it describes."""
    key = id(schema)  # which stays its own: a validator keeps the schema that it was given
    if key not in _VALIDATORS:
        _VALIDATORS[key] = _Validator(schema, error_handler=_Flat)
    return _VALIDATORS[key]


class _Flat(errors.BaseErrorHandler):  # type: ignore[misc]
    """Hands on cerberus' errors as they are, those within lists and maps included."""

    def __call__(self, found: Iterable[Any]) -> list[Any]:
        return [leaf for error in found for leaf in self._leaves(error)]

    def _leaves(self, error: Any) -> list[Any]:
        return self(error.child_errors) if error.is_group_error else [error]


class _Validator(Validator):  # type: ignore[misc]
    """Adds what keys must be together, which the rules of single keys cannot say."""

    # To Python true is a number, to YAML and JSON it is none.
    types_mapping = {  # noqa: RUF012 - as cerberus has it
        **Validator.types_mapping,
        "integer": TypeDefinition("integer", (int,), (bool,)),
    }

    def _check_with_content(self, field: int, value: Schema | None) -> None:
        if value is None:
            return  # cerberus refuses a null, and checks it all the same
        meant = {nearest(key, _CONTENT["schema"]) or key for key in value}
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
            message = "give exactly one of file, pyproject, from"
            self._error(field, _TOGETHER, "version-source", message)


def _fault(root: Mapping, error: Any, schema: Schema) -> Fault:
    *parents, key = error.document_path
    parent = _at(root, parents)
    if error.code == errors.UNKNOWN_FIELD.code:
        hint = did_you_mean(key, _rule(schema, parents)["schema"])
        return Fault.at(parent.keys[key], "unknown-key", "unknown key", hint)
    if error.code == errors.REQUIRED_FIELD.code:
        return Fault.at(parent.origin, "missing-key", f"{key} is missing")
    node = _at(parent, [key])
    if error.code == _TOGETHER.code:
        code, message, *inner = error.info
        return Fault.at(node.keys[inner[0]] if inner else node.origin, code, message)
    if error.code == errors.MIN_LENGTH.code:
        return Fault.at(node.origin, "empty", "at least one is needed")
    return _type_fault(node, key, _rule(schema, error.document_path)["type"])


def _type_fault(node: Node, key: str | int, types: str | list[str]) -> Fault:
    wanted = [types] if isinstance(types, str) else types
    quotable = "string" in wanted and "integer" not in wanted
    if quotable and isinstance(node, Scalar) and node.value is not None:
        is_mode = key in MODES and _OCTAL.fullmatch(node.text)
        text = shorten(node.text.zfill(4) if is_mode else node.text)
        written = f'"{text}"' if isinstance(key, int) else f'{key}: "{text}"'
        message = f"{shorten(node.text)} is {kind_of(node)} here; quote it: {written}"
        if is_mode:
            return Fault.at(node.origin, "unquoted-mode", message)
        return Fault.at(node.origin, "unquoted-text", message)
    names = " or ".join(_TYPE_NAMES[name] for name in wanted)
    return Fault.at(node.origin, "wrong-type", f"this is {kind_of(node)}, and must be {names}")


def _is_missing(error: Any, keys: set[str | None]) -> bool:
    return error.code == errors.REQUIRED_FIELD.code and error.field in keys


def _at(node: Node, path: Iterable[str | int]) -> Any:
    for key in path:
        node = node.items[key]  # type: ignore[union-attr, index]
    return node


def _rule(schema: Schema, path: Iterable[str | int]) -> Schema:
    """Return the rules for what stands at `path`."""
    rule: Schema = {"schema": schema}
    for key in path:
        if "valuesrules" in rule:
            rule = rule["valuesrules"]
        else:
            rule = rule["schema"] if isinstance(key, int) else rule["schema"][key]
    return rule


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
