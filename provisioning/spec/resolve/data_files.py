"""Variables from data: YAML, TOML, JSON, INI and .env files of an application, Python dicts."""

from __future__ import annotations

import configparser
import io
import json
import math
import re
import sys
from dataclasses import replace
from datetime import date, time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from dotenv.parser import parse_stream

from provisioning.spec.diagnostics import Diagnostic, Diagnostics
from provisioning.spec.resolve.layers import apply_overrides, merge_maps, stack
from provisioning.spec.resolve.variables import ENVIRONMENT, RESERVED, Scope, named_in
from provisioning.spec.schema.rules import MODES, PATH
from provisioning.spec.yaml.node import Mapping, Node, Origin, Scalar, Sequence, marked, scalars
from provisioning.spec.yaml.reader import MAX_DEPTH, MAX_VALUES, parse_map

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.spec.resolve.inputs import Inputs, PythonSpec

    Reader = Callable[[Inputs, str, Origin, Diagnostics], Mapping | None]

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TOO_DEEP = f"this is nested deeper than {MAX_DEPTH} levels"
_MOST_BITS = 1024  # Python itself refuses to spell much longer numbers
_LONGEST_TEXT, _LONGEST_LINE = 65_536, 4_096
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def load(inputs: Inputs, file: str, asked: Origin, diagnostics: Diagnostics) -> Mapping | None:
    """Return the map that the YAML file `file` of the project holds; None if it has no meaning.

    `asked` is where the file is named, which is reported if it cannot be read. With mistakes that
    leave a meaning (a duplicate key: the first one counts) the map is returned as well, so that
    one report shows all that is wrong.
    """
    text = inputs.text(file, asked, diagnostics)
    return None if text is None else parse_map(text, file, diagnostics)


def python_node(spec: PythonSpec, diagnostics: Diagnostics) -> Mapping | None:
    """Return a spec written in Python as nodes; None if it cannot be used."""
    if not isinstance(spec.values, dict):
        message = "a spec must be a dict; pass those of a list as in tasks(*specs)"
        diagnostics.error(spec.origin, "wrong-type", message)
        return None
    name = spec.values.get("name")  # one call can hand in many specs
    try:
        return node_of(spec.values, spec.origin, literal=False, path=f"{name or ''}")
    except UnusableError as error:
        diagnostics.error(spec.origin._replace(path=error.path), "wrong-type", error.message)
    return None


class Names(NamedTuple):
    """Variables by name; not `complete` if a file of them could not be read."""

    values: Mapping
    complete: bool


def find_names(layers: list[Mapping], scope: Scope) -> Names:
    """Return the variables and secrets of `layers`: platform, spec, overlay; the later wins.

    Files that the spec names come after the platform, the command line comes after all.
    """
    variables = _stacked("variables", read_variables, layers, scope)
    secrets = _stacked("secrets", read_secrets, layers, scope)
    sources = {ENVIRONMENT, *secrets.values.items}
    for value in scalars(secrets.values):
        if not value.literal and sources.isdisjoint(named_in(value.text)):
            message = "a secret must not be written in a spec"
            hint = (
                'take it from the environment, as in "{{ env.NAME }}", or from a file: secrets_from'
            )
            found = Diagnostic.at(value.origin, "written-secret", message, hint)
            scope.diagnostics.append(replace(found, excerpt=False))
    hidden = cast("Mapping", marked(secrets.values, secret=True))
    values = apply_overrides(merge_maps(variables.values, hidden), scope)
    return Names(values, variables.complete and secrets.complete)


def _stacked(key: str, read: Reader, layers: list[Mapping], scope: Scope) -> Names:
    base, *written = layers
    named = [layer.sequence(f"{key}_from") for layer in written if f"{key}_from" in layer.items]
    found = [
        None if path is None else read(scope.inputs, path, node.origin, scope.diagnostics)
        for node in (named[-1] if named else ())
        if isinstance(node, Scalar)
        for path in [scope.text(node, PATH)]
    ]
    files = [each for each in found if each is not None]
    maps = [base.mapping(key), *files, *(layer.mapping(key) for layer in written)]
    if key == "secrets" and (named or any(each.items for each in maps)):
        scope.inputs.secretive = True
    for each in maps:
        for name in sorted(each.items.keys() & RESERVED):
            message = f"{name} is reserved and cannot be set as a variable"
            at = Diagnostic.at(each.keys[name], "reserved-variable", message, "rename it")
            scope.diagnostics.append(replace(at, excerpt=key != "secrets"))
    return Names(stack(maps, scope.diagnostics), len(files) == len(found))


def read_variables(
    inputs: Inputs, file: str, asked: Origin, diagnostics: Diagnostics
) -> Mapping | None:
    """Return what `file` says as literal values: `{{ }}` is nothing special in them.

    `asked` is where the file is named. An INI section is a map of texts; dates become text.
    """
    if _suffix(file) in {*_YAML, *_READERS}:
        return inputs.parsed(file, asked, diagnostics, _parse)
    message = f"{file}: variables cannot be read from this kind of file"
    hint = f"known: {', '.join((*_YAML, *_READERS))}"
    diagnostics.error(asked, "unknown-kind-of-file", message, hint)
    return None


def read_secrets(
    inputs: Inputs, file: str, asked: Origin, diagnostics: Diagnostics
) -> Mapping | None:
    """Return what `read_variables` does, marked as secret; no diagnostic shows any of `file`."""
    inputs.secret_files.add(file)
    found = Diagnostics()
    node = read_variables(inputs, file, asked, found)
    for each in found:
        if each.origin.file == file:
            message = "this cannot be parsed; the file contains secrets, so no more of it is shown"
            origin = each.origin._replace(path="")
            each = Diagnostic(  # noqa: PLW2901
                code=each.code, origin=origin, where="", message=message, excerpt=False
            )
        diagnostics.append(each)
    return None if node is None else cast("Mapping", marked(node, secret=True))


def _suffix(file: str) -> str:
    name = PurePosixPath(file).name
    return ".env" if name.startswith(".env") else PurePosixPath(name).suffix


def _parse(text: str, file: str, diagnostics: Diagnostics) -> Mapping | None:
    suffix = _suffix(file)
    if suffix in _YAML:
        data = parse_map(text, file, diagnostics, as_written=True)
        return None if data is None else cast("Mapping", marked(data, literal=True))
    try:
        if suffix != ".json":  # whose parser takes linear time
            _demand_modest(text)
        return node_of(_READERS[suffix](text), Origin(file=file, line=0, column=1), literal=True)
    except UnusableError as error:
        origin = Origin(file=file, line=error.line, column=error.column)
        diagnostics.error(origin, "data-syntax", error.message)
    except RecursionError:
        diagnostics.error(Origin(file=file, line=0, column=1), "data-syntax", _TOO_DEEP)
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
            raise UnusableError(f"{json.dumps(name)} appears twice in one object")
        data[name] = value
    return data


def _ini(text: str) -> Any:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # names keep their case
    try:
        parser.read_string(text)
    except configparser.DuplicateOptionError as error:
        message = f"{error.option} appears twice in [{error.section}]"
        raise UnusableError(message, error.lineno or 0) from None
    except configparser.DuplicateSectionError as error:
        message = f"the section [{error.section}] appears twice"
        raise UnusableError(message, error.lineno or 0) from None
    except configparser.ParsingError as error:
        line = getattr(error, "lineno", None) or error.errors[0][0]
        raise UnusableError("this is neither [section] nor name = value", line) from None
    if len(parser.defaults()) * len(parser.sections()) > MAX_VALUES:
        raise UnusableError("[DEFAULT] has too many values, which all sections repeat")
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


class UnusableError(Exception):
    """Data that cannot be used; becomes a diagnostic within this wing."""

    def __init__(self, message: str, line: int = 0, column: int = 1, path: str = "") -> None:
        super().__init__()
        self.message, self.line, self.column, self.path = message, line, column, path


def node_of(data: Any, origin: Origin, *, literal: bool, path: str = "") -> Mapping:
    """Return the map `data` as a node, all of it from `origin`; `literal` as a Scalar is.

    `path` is what the paths of all that is in it begin with.

    Raises:
        UnusableError: it is not a map, or something in it is not allowed in a spec.
    """
    if not isinstance(data, dict):
        raise UnusableError("this must be a map with names as keys")
    return _Nodes(origin, literal=literal).mapping(data, path, 0)


class _Nodes:
    def __init__(self, origin: Origin, *, literal: bool) -> None:
        self._origin = origin
        self._literal = literal
        self._values = 0

    def mapping(self, data: dict[Any, Any], path: str, depth: int) -> Mapping:
        items: dict[str, Node] = {}
        for key, item in data.items():
            if not isinstance(key, str):
                raise UnusableError(f"the key {key!r} must be text", path=path)
            items[_sound(key)] = self._node(item, f"{path}.{key}" if path else key, depth + 1)
        keys = {key: self._origin._replace(path=f"{path}.{key}" if path else key) for key in items}
        return Mapping(items=items, keys=keys, origin=self._origin._replace(path=path))

    def _node(self, data: Any, path: str, depth: int) -> Node:
        self._values += 1
        if depth > MAX_DEPTH:
            raise UnusableError(_TOO_DEEP, path=path)
        if self._values > MAX_VALUES:
            raise UnusableError(f"the file holds more than {MAX_VALUES:,} values", path=path)
        if isinstance(data, dict):
            return self.mapping(data, path, depth)
        origin = self._origin._replace(path=path)
        if isinstance(data, (list, tuple)):
            numbered = enumerate(data)
            items = tuple(self._node(item, f"{path}[{at}]", depth + 1) for at, item in numbered)
            return Sequence(items=items, origin=origin)
        value, text = _value(data, path)
        if not self._literal and path.rpartition(".")[2] in MODES and type(data) is int:
            text = f"{data:04o}"  # what 0o755 was meant to say
        return Scalar(value=value, origin=origin, text=text, quoted=True, literal=self._literal)


def _value(data: Any, path: str) -> tuple[str | int | float | bool | None, str]:
    """Return the value, and what it is within a text."""
    if isinstance(data, (date, time)):
        data = data.isoformat()
    if isinstance(data, str):
        return _sound(data), data
    if isinstance(data, float) and not math.isfinite(data):
        raise UnusableError(f"{data} is a number that cannot be used", path=path)
    if data is not None and not isinstance(data, (int, float)):
        raise UnusableError(f"a {type(data).__name__} is not allowed in a spec", path=path)
    if isinstance(data, int) and data.bit_length() > _MOST_BITS:
        raise UnusableError("this is a number that cannot be used", path=path)
    return data, "" if data is None else json.dumps(data)


def _sound(text: str) -> str:
    r"""Return `text`, unless it cannot be written in UTF-8, as JSON's "\\ud800" cannot."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UnusableError(f"{json.dumps(text)} is half of a surrogate pair, not a character")
    return text
