"""Checks specs against the schema, and says what to write instead of what it refuses."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from cerberus import TypeDefinition, Validator, errors
from cerberus.schema import UnvalidatedSchema

from provisioning.artifact.model.package import HOOKS
from provisioning.spec.diagnostics import SECRETS, Diagnostic, did_you_mean, nearest
from provisioning.spec.schema.rules import DOCUMENTS, FIELDS, MODES
from provisioning.spec.schema.schema import CONTENT, KINDS, ONE_SOURCE, WITH_DST, inner
from provisioning.spec.yaml.mistakes import pair_in, quoted
from provisioning.spec.yaml.node import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    doubt,
    kind_of,
    meant,
    plain,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from provisioning.spec.diagnostics import Diagnostics
    from provisioning.spec.schema.rules import Rule
    from provisioning.spec.schema.schema import Schema

    Path = tuple[str | int, ...]

_TYPE_NAMES = {
    "integer": "a whole number",
    "string": "text",
    "list": "a list",
    "dict": "a map",
    "boolean": "true or false",
}
_NOT_NEEDED = frozenset(
    (*HOOKS, "user", "group", "directory", "state_directory", *DOCUMENTS, *FIELDS)
)
_AMOUNTS = {"memory_max": ("M", "512M"), "cpu_quota": ("%", "50%")}  # a unit, and an example
_OCTAL = re.compile("[0-7]{1,4}")
_TOGETHER = errors.ErrorDefinition(0x1000, "check_with")
_VALIDATORS: dict[int, _Validator] = {}


def check(node: Mapping, schema: Schema, diagnostics: Diagnostics) -> Mapping:
    """Return `node` without what `schema` refuses, which is added to `diagnostics`.

    What is left has the right types everywhere, so that more can be said about it. Keys that
    start with `x-` are the author's own, a place for anchors.
    """
    node = node.without(*(key for key in node.items if key.startswith("x-")))
    validator = _validator(schema)
    validator.validate(plain(node), normalize=False)
    # A misspelt key is one mistake: what it was meant to be is not missing as well.
    meant = {meant_by(key, schema) for key in node.items}
    found = [error for error in validator.errors if not _is_missing(error, meant)]
    diagnostics += [_diagnostic(node, error, schema) for error in found]
    refused = {error.document_path for error in found if error.code != _TOGETHER.code}
    sound = _prune(node, refused) if refused else node
    # What is anchored may be met several times.
    diagnostics += dict.fromkeys(_doubts(sound, {"schema": schema}))  # guard: ambiguous-plain-value
    return sound


def _validator(schema: Schema) -> _Validator:
    """Made once for each schema."""
    key = id(schema)  # which stays its own: a validator keeps the schema that it was given
    if key not in _VALIDATORS:
        # To check the schema itself takes longer than to check most specs; a test does it.
        _VALIDATORS[key] = _Validator(UnvalidatedSchema(schema), error_handler=_Flat)
    return _VALIDATORS[key]


class _Flat(errors.BaseErrorHandler):  # type: ignore[misc]  # cerberus has no type hints
    """Returns cerberus' errors as they are, those within lists and maps included."""

    def __call__(self, found: Iterable[Any]) -> list[Any]:
        return [leaf for error in found for leaf in self._leaves(error)]

    def _leaves(self, error: Any) -> list[Any]:
        return self(error.child_errors) if error.is_group_error else [error]


class _Validator(Validator):  # type: ignore[misc]  # as above
    """Adds what keys must be together, which the rules of single keys cannot say."""

    # To Python true is a number, to YAML and JSON it is not.
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
            message = f"this is not allowed together with {kinds[0]}; remove it"
            self._error(field, _TOGETHER, "idle-key", message, key)
        if kinds[0] in WITH_DST and "dst" not in meant:
            self._error(field, _TOGETHER, "missing-key", "dst is missing")

    def _check_with_version(self, field: str, value: object) -> None:
        if value == {}:  # more than one is refused after overlays have had their say
            self._error(field, _TOGETHER, "version-source", ONE_SOURCE)


def _diagnostic(root: Mapping, error: Any, schema: Schema) -> Diagnostic:
    *parents, key = error.document_path
    parent = _at(root, parents)
    if error.code == errors.UNKNOWN_FIELD.code:
        hint = _suggestion(key, _rule(schema, parents)["schema"])
        return Diagnostic.at(parent.keys[key], "unknown-key", "unknown key", hint)
    if error.code == errors.REQUIRED_FIELD.code:
        return Diagnostic.at(parent.origin, "missing-key", f"{key} is missing")
    node = _at(parent, [key])
    if error.code == _TOGETHER.code:
        code, message, *inner = error.info
        return Diagnostic.at(node.keys[inner[0]] if inner else node.origin, code, message)
    if error.code == errors.MIN_LENGTH.code:
        return Diagnostic.at(node.origin, "empty", "at least one is needed")
    return _wrong_type(node, key, _rule(schema, error.document_path))


def _wrong_type(node: Node, key: str | int, rule: Schema) -> Diagnostic:
    types: str | list[str] = rule["type"]
    wanted = [types] if isinstance(types, str) else types
    quotable = "string" in wanted and "integer" not in wanted  # guard: unquoted-text
    if quotable and isinstance(node, Scalar) and node.value is not None:
        is_mode = key in MODES and _OCTAL.fullmatch(node.text)  # guard: unquoted-mode
        text = shorten(node.text.zfill(4) if is_mode else node.text)
        written = f'"{text}"' if isinstance(key, int) else f'{key}: "{text}"'
        message = f"{shorten(node.text)} is {kind_of(node)} here; quote it: {written}"
        if is_mode:
            return Diagnostic.at(node.origin, "unquoted-mode", message)
        if hint := _better(node, key, rule):
            message = f"{node.text} is {kind_of(node)} here, but must be text"
            return Diagnostic.at(node.origin, "unquoted-text", message, hint)
        return Diagnostic.at(node.origin, "unquoted-text", message)
    names = " or ".join(_TYPE_NAMES[name] for name in wanted)
    message = f"this is {kind_of(node)}, but must be {names}"
    found = Diagnostic.at(node.origin, "wrong-type", message, _instead(node, key, rule))
    return replace(found, excerpt=key != SECRETS)  # guard: secret-in-an-excerpt


def _better(node: Scalar, key: str | int, rule: Schema) -> str:
    """What to write for what is not text, if quotes would not be enough; else ""."""
    if hint := _known_instead(node, rule, f"{key}: " if isinstance(key, str) else ""):
        return hint
    if type(node.value) is int and key in _AMOUNTS:
        unit, usual = _AMOUNTS[str(key)]
        return f"write {key}: {f'{node.text}{unit}' if node.value > 0 else usual}"
    if node.value is False and key in _NOT_NEEDED:
        return f"leave out {key} if none is meant"
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
    return kept._replace(items=items)


def _pruned(node: Node, refused: set[Path], path: Path) -> Node:
    if isinstance(node, Mapping):
        return _prune(node, refused, path)
    if isinstance(node, Sequence):
        numbered = [((*path, number), item) for number, item in enumerate(node.items)]
        kept = tuple(_pruned(item, refused, at) for at, item in numbered if at not in refused)
        return node._replace(items=kept)
    return node


def _doubts(node: Node, rule: Schema, key: str = "") -> Iterator[Diagnostic]:
    """Find each value in `node` that another reader of YAML may take for another.

    `rule` is what the schema says of `node`, and `key` what is written in front of it.
    """
    if not isinstance(node, Scalar):
        numbered = node.items if isinstance(node, Mapping) else dict(enumerate(node.items))
        for part, item in numbered.items():
            if part == SECRETS:  # a secret written there is reported without its text
                continue
            written = f"{part}: " if isinstance(part, str) else ""
            yield from _doubts(item, inner(rule, part), written)
    elif reason := doubt(node):
        yield Diagnostic.at(node.origin, "ambiguous", reason, _plainly(node, rule, key))


def _known_instead(node: Scalar, rule: Schema, key: str) -> str:
    """Return which of the few texts that `rule` allows to write; "" if it allows many."""
    texts: Rule | None = rule.get("meta", {}).get("rule")
    if not texts or not texts.known:
        return ""
    near = texts.meant(node.text)
    return f"write {key}{near}" if near else f"known: {', '.join(texts.known)}"


def _plainly(node: Scalar, rule: Schema, key: str) -> str:
    """Return how to write an ambiguous value, of which `rule` says what it may be."""
    either = meant(node)
    types = rule.get("type", ())
    if "boolean" in types and ("integer" not in types or either in ("true", "false")):
        return f"write {key}{either}" if either in ("true", "false") else "write true or false"
    if "integer" in types:
        return f"write the number that is meant in decimal digits{either and f': {key}{either}'}"
    if hint := _known_instead(node, rule, key):
        return hint
    text = shorten(node.text)
    if key.removesuffix(": ") in MODES:
        text = text.removeprefix("0o").zfill(4)
    quoted = f'write {key}"{text}"'
    return f"{quoted}, or {either}" if either and "type" not in rule else quoted


# Of nFPM, rules_pkg, systemd, docker-compose and others, each with ours, the likelier first.
_OURS = {
    **dict.fromkeys(("file", "source", "path", "from", "srcs"), ("src",)),
    **dict.fromkeys(("to", "dest", "destination", "target", "install_path"), ("dst", "link")),
    **dict.fromkeys(("symlink", "ln"), ("link",)),
    **dict.fromkeys(("directory", "folder", "mkdir"), ("dir", "directory")),
    **dict.fromkeys(("permissions", "perm", "perms", "chmod"), ("mode",)),
    **dict.fromkeys(("ignore", "excludes"), ("exclude",)),
    **dict.fromkeys(("config", "conf", "noreplace"), ("conffile",)),
    **dict.fromkeys(("user", "uid"), ("owner",)),
    "gid": ("group",),
    **dict.fromkeys(("command", "cmd", "run", "execstart", "program"), ("exec", "run")),
    **dict.fromkeys(("env", "environ"), ("environment",)),
    **dict.fromkeys(("cwd", "workdir", "working_directory"), ("directory",)),
    **dict.fromkeys(("healthcheck", "check"), ("health",)),
    **dict.fromkeys(("supplementary_groups", "supplementarygroups", "group_add"), ("groups",)),
    **dict.fromkeys(("requires", "depends_on"), ("wants",)),
    **dict.fromkeys(("memory", "memory_limit", "mem_limit", "memorymax"), ("memory_max",)),
    **dict.fromkeys(("cpu", "cpus", "cpuquota", "cpu_limit"), ("cpu_quota",)),
    **dict.fromkeys(("state", "statedirectory", "data", "volumes"), ("state_directory",)),
    **dict.fromkeys(("files", "content", "sources"), ("contents",)),
    **dict.fromkeys(("vars", "values", "params"), ("variables",)),
    **dict.fromkeys(("description", "desc"), ("summary",)),
    **dict.fromkeys(("scripts", "postinstall", "preinstall"), ("hooks",)),
    **dict.fromkeys(("depends", "dependencies", "recommends", "section"), ("debian",)),
    "targets": ("platforms",),
}


def meant_by(key: str, known: Collection[str]) -> str | None:
    """Return the known key that `key` is most likely meant to be; None if none is like it."""
    if key in known:
        return key
    ours = (each for each in _OURS.get(key.casefold(), ()) if each in known)
    return next(ours, None) or nearest(key, known)


def _suggestion(key: str, known: Collection[str]) -> str:
    """Return "did you mean …?" with that key, else all known keys."""
    if odd := next((each for each in key if each.isspace() and each not in " \t\n"), ""):
        return (
            f"U+{ord(odd):04X} is not a space in YAML, but part of the key; write an ordinary space"
        )
    meant = meant_by(key, known)
    return f"did you mean {meant}?" if meant else did_you_mean(key, known)


_CONTENT_EXAMPLE = ("- src: lib/", "  dst: lib/")
_EXAMPLES = {
    "platforms": ("linux: {}",),
    "contents": _CONTENT_EXAMPLE,
    "services": ("NAME: {exec: bin/NAME}",),
    "hooks": ("post_install: hooks/post-install.sh",),
    "device": ("NAME: {}",),
    SECRETS: ('NAME: "{{ env.NAME }}"',),
    "health": ("tcp: 8080",),
    "extra": ("systemd: {TimeoutStartSec: 90}",),
    "systemd": ("TimeoutStartSec: 90",),
    "launchd": ("ProcessType: Interactive",),
    "compression": ("tar.xz: xz:6",),
    "defaults": ("owner: root",),
    "debian": ("section: misc",),
    "version": ("from: git",),
}


def _instead(node: Node, key: str | int, rule: Schema) -> str:
    """Return what to write in place of `node` at `key`, which must be as `rule` says."""
    wanted = rule["type"]
    if isinstance(node, Scalar):
        if node.value is False and isinstance(key, str):
            return f"leave out {key} if none is meant"
        is_map = key == "contents" or ("dict" in wanted and key != SECRETS)
        if is_map and not node.quoted and (pair := pair_in(node.text)):
            return f"write {pair}, with a space"
        if "list" in wanted and key != "contents":
            written = f'"{node.text}"' if "string" in wanted else f"[{_word(node)}]"
            return f"write {key}: {written}"
    if isinstance(key, int):
        return "\n".join(("write:", *_CONTENT_EXAMPLE)) if "dict" in wanted else ""
    if "dict" not in wanted and key != "contents":
        return ""
    known = next(iter(rule.get("schema", {})), "")
    lines = _EXAMPLES.get(key, (f"{known}: …" if known else "NAME: value",))
    return "\n".join(("write:", f"{key}:", *(f"  {line}" for line in lines)))


def _word(node: Scalar) -> str:
    plain = node.text.replace("/", "").replace(".", "").replace("-", "").replace("_", "")
    return node.text if plain.isalnum() and not node.quoted else quoted(node.text)
