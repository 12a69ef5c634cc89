"""Knows how an application's own configuration becomes variables: YAML, TOML, JSON, INI, .env."""

from __future__ import annotations

import configparser
import io
import json
import re
import sys
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from dotenv.parser import parse_stream

from provisioning.spec.diagnostics import Diagnostic
from provisioning.spec.resolve.layers import lay_given, merge_maps, stack
from provisioning.spec.resolve.variables import ENVIRONMENT, RESERVED, Scope, named_in
from provisioning.spec.schema.rules import PATH
from provisioning.spec.yaml.node import Mapping, Origin, Scalar, marked, scalars
from provisioning.spec.yaml.plain import TOO_DEEP, UnusableError, node_of
from provisioning.spec.yaml.reader import MAX_VALUES, parse_map

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioning.spec.resolve.inputs import Inputs
    from provisioning.spec.yaml.node import Node

    Reader = Callable[[Inputs, str, Origin, list[Diagnostic]], Mapping | None]


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_LONGEST_TEXT, _LONGEST_LINE = 65_536, 4_096
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_variables(
    inputs: Inputs, file: str, asked: Origin, faults: list[Diagnostic]
) -> Mapping | None:
    """Return what `file` says as literal values: `{{ }}` is nothing special in them.

    `asked` is where the file is named. An INI section is a map of texts; dates become text.
    """
    if _suffix(file) in {*_YAML, *_READERS}:
        return inputs.parsed(file, asked, faults, _variables)
    message = f"{file}: variables cannot be read from this kind of file"
    hint = f"known: {', '.join((*_YAML, *_READERS))}"
    faults.append(Diagnostic.at(asked, "unknown-kind-of-file", message, hint))
    return None


def read_secrets(
    inputs: Inputs, file: str, asked: Origin, faults: list[Diagnostic]
) -> Mapping | None:
    """Return what `read_variables` does, marked as secret; no fault shows anything of `file`."""
    inputs.secret_files.add(file)
    found: list[Diagnostic] = []
    node = read_variables(inputs, file, asked, found)
    faults += [_hidden(fault) if fault.origin.file == file else fault for fault in found]
    return None if node is None else cast("Mapping", marked(node, secret=True))


def _hidden(fault: Diagnostic) -> Diagnostic:
    message = "this cannot be read; the file holds secrets, so no more of it is shown"
    origin = replace(fault.origin, path="")
    return Diagnostic(code=fault.code, origin=origin, where="", message=message, excerpt=False)


def _suffix(file: str) -> str:
    name = PurePosixPath(file).name
    return ".env" if name.startswith(".env") else PurePosixPath(name).suffix


def _variables(text: str, file: str, faults: list[Diagnostic]) -> Mapping | None:
    if _suffix(file) not in _YAML:
        return _read(text, file, _suffix(file), faults)
    data = parse_map(text, file, faults, as_written=True)
    return None if data is None else cast("Mapping", marked(data, literal=True))


def _read(text: str, file: str, suffix: str, faults: list[Diagnostic]) -> Mapping | None:
    try:
        if suffix != ".json":  # whose parser takes linear time
            _demand_modest(text)
        return node_of(_READERS[suffix](text), Origin(file=file, line=0, column=1), literal=True)
    except UnusableError as error:
        origin = Origin(file=file, line=error.line, column=error.column)
        faults.append(Diagnostic.at(origin, "data-syntax", error.message))
    except RecursionError:
        origin = Origin(file=file, line=0, column=1)
        faults.append(Diagnostic.at(origin, "data-syntax", TOO_DEEP))
    return None


def _demand_modest(text: str) -> None:
    # These parsers take quadratic time, or memory, for some lines: a dotted key, many blanks.
    if len(text) > _LONGEST_TEXT:
        raise UnusableError(f"the file is longer than {_LONGEST_TEXT} characters")
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _LONGEST_LINE:
            raise UnusableError(f"this line is longer than {_LONGEST_LINE} characters", number)


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        reason = str(error)
        place = _TOML_PLACE.search(reason)
        line, column = place.groups("0") if place else ("0", "0")
        message = _TOML_PLACE.sub("", reason)
        if place and line == "0":
            message += ", at the end of the file"
        raise UnusableError(message, int(line), int(column)) from None


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise UnusableError(error.msg, error.lineno, error.colno) from None
    except ValueError as error:  # a number of thousands of digits
        raise UnusableError(str(error)) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, value in pairs:
        if name in data:
            raise UnusableError(f"{json.dumps(name)} is here twice in one object")
        data[name] = value
    return data


def _ini(text: str) -> Any:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # names keep their case
    try:
        parser.read_string(text)
    except configparser.DuplicateOptionError as error:
        message = f"{error.option} is here twice in [{error.section}]"
        raise UnusableError(message, error.lineno or 0) from None
    except configparser.DuplicateSectionError as error:
        message = f"the section [{error.section}] is here twice"
        raise UnusableError(message, error.lineno or 0) from None
    except configparser.ParsingError as error:
        line = getattr(error, "lineno", None) or error.errors[0][0]
        raise UnusableError("this is neither [section] nor name = value", line) from None
    if len(parser.defaults()) * len(parser.sections()) > MAX_VALUES:
        raise UnusableError("the values of [DEFAULT], in every section, are too many")
    return {section: dict(parser[section]) for section in parser.sections()}


def _env(text: str) -> Any:
    data = {}
    for binding in parse_stream(io.StringIO(text)):
        written = binding.original.string
        line = binding.original.line + len(written) - len(written.lstrip("\n"))
        if binding.error or (binding.key is not None and binding.value is None):
            raise UnusableError("this is not NAME=value", line)
        if binding.key is not None:
            data[binding.key] = binding.value
    return data


_YAML = (".yaml", ".yml")
_READERS = {".toml": _toml, ".json": _json, ".ini": _ini, ".cfg": _ini, ".env": _env}


class Names(NamedTuple):
    """The values by name; not `complete` where a file of them could not be read."""

    values: Mapping
    complete: bool


def find_names(
    layers: Sequence[Mapping], identity: dict[str, Node], inputs: Inputs, faults: list[Diagnostic]
) -> Names:
    """Return what `layers` say: the platform, the spec and its overlay, the later winning.

    The files that they name come after the platform, and the command line after all.
    """
    scope = Scope(identity, inputs, faults)
    variables = _stacked("variables", read_variables, layers, scope)
    secrets = _stacked("secrets", read_secrets, layers, scope)
    kept = {ENVIRONMENT, *secrets.values.items}
    for value in scalars(secrets.values):
        if not value.literal and kept.isdisjoint(named_in(value.text)):
            faults.append(_written(value))
    hidden = cast("Mapping", marked(secrets.values, secret=True))
    values = lay_given(
        merge_maps(variables.values, hidden),
        inputs.given,
        faults,
        secretive=inputs.secretive,
    )
    return Names(values, variables.complete and secrets.complete)


def _stacked(key: str, read: Reader, layers: Sequence[Mapping], scope: Scope) -> Names:
    base, *written = layers
    named = [layer.sequence(f"{key}_from") for layer in written if f"{key}_from" in layer.items]
    found = [
        None if path is None else read(scope.inputs, path, node.origin, scope.faults)
        for node in (named[-1] if named else ())
        if isinstance(node, Scalar)
        for path in [scope.text(node, PATH)]
    ]
    files = [each for each in found if each is not None]
    maps = [base.mapping(key), *files, *(layer.mapping(key) for layer in written)]
    if key == "secrets" and (named or any(each.items for each in maps)):
        scope.inputs.secretive = True
    for each in maps:
        _demand_free(each, scope.faults, excerpt=key != "secrets")
    return Names(stack(maps, scope.faults), len(files) == len(found))


def _demand_free(layer: Mapping, faults: list[Diagnostic], *, excerpt: bool) -> None:
    for key in sorted(layer.items.keys() & RESERVED):
        message = f"{key} is the same for every template, and nobody sets it as a variable"
        fault = Diagnostic.at(layer.keys[key], "reserved-variable", message, "rename it")
        faults.append(replace(fault, excerpt=excerpt))


def _written(value: Scalar) -> Diagnostic:
    """Refuse a secret that is written out in a spec, which many people read."""
    message = "a secret is not written into a spec"
    hint = 'take it from the environment, as in "{{ env.NAME }}", or from a file: secrets_from'
    return replace(Diagnostic.at(value.origin, "written-secret", message, hint), excerpt=False)
