"""The schema of specs, platform files and fragments: which keys they may have, of which type."""

from __future__ import annotations

from typing import Any

from provisioning.artifact.model.package import HOOKS, LONGEST_WAIT
from provisioning.spec.schema.rules import (
    ADDRESS,
    DOCUMENTS,
    FIELDS,
    FORMAT,
    MODE,
    MTIME,
    NAME,
    OWNER,
    RELATIONS,
    RESTART,
    SAID_VERSION,
    SECONDS,
    SERVICE_MANAGER,
    TAG_GLOB,
    URL,
    VARIABLE,
    Rule,
)

Schema = dict[str, Any]


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
_ATTRIBUTES = frozenset({"mode", "owner", "group", "conffile", "optional", "exclude", "task"})
KINDS: dict[str, frozenset[str]] = {
    "src": frozenset(),
    "template": frozenset({"exclude"}),
    "link": frozenset({"exclude", "conffile", "mode", "task"}),
    "dir": frozenset({"exclude", "conffile", "optional", "dst", "task"}),
    "include": _ATTRIBUTES | {"dst"},
    "remove": _ATTRIBUTES | {"dst"},
}
WITH_DST = frozenset({"src", "template", "link"})
CONTENT: Schema = {
    "type": "dict",
    "check_with": "content",
    "schema": {
        **dict.fromkeys((*KINDS, "dst"), _TEXT),
        "mode": _MODE,
        **dict.fromkeys(("owner", "group"), _OWNER),
        "exclude": _TEXTS,
        "conffile": _SWITCH,
        "optional": _SWITCH,
        "task": _NAMES,
        **_ONLY_HERE,
    },
}
_CONTENTS: Schema = {"type": "list", "schema": CONTENT}
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
SOURCES = ("file", "pyproject", "from")
"""Of a version: exactly one of them says where it comes from."""
ONE_SOURCE = f"give exactly one of {', '.join(SOURCES)}"
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
        "meta": {"rule": SAID_VERSION},
        "check_with": "version",
        "schema": {
            **dict.fromkeys(SOURCES, _TEXT),
            "tags": _ruled(TAG_GLOB),
            "fallback": _ruled(SAID_VERSION),
        },
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


def inner(rule: Schema, key: str | int) -> Schema:
    """Return the rules for what stands at `key` below what `rule` is for; none, where all may."""
    below: Schema = rule.get("valuesrules") or rule.get("schema", {})
    return below if "valuesrules" in rule or isinstance(key, int) else below.get(key, {})
