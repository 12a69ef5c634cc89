"""The properties of a package: its identity, services, hooks and device values."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.model.device import Value
from provisioning.artifact.model.entry import owner_fault, path_fault, shown
from provisioning.artifact.model.service import (
    CHECKS,
    LISTS,
    RESTARTS,
    Health,
    Service,
    dump_value,
    manager_fault,
)
from provisioning.console import NO_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SERVICE_MANAGERS = ("systemd", "launchd")
HOOKS = ("pre_install", "post_install", "pre_remove", "post_remove")
DEBIAN_FIELDS = (
    *("Breaks", "Conflicts", "Depends", "Enhances", "Homepage", "Pre-Depends", "Priority"),
    *("Provides", "Recommends", "Replaces", "Revision", "Section", "Suggests"),
)
REVISION = "Revision"
"""Of them the one that is no field, but a part of `Version`."""

LONGEST_WAIT = 3600  # seconds, that a hook or a health check may be given
_MOST_PATTERNS = 500  # bytes


class Hook(NamedTuple):
    """A script that the target runs when a package is installed or removed: see `hook_path`."""

    name: str
    """One of HOOKS."""
    timeout: int
    """Seconds until it counts as failed."""


class Package(NamedTuple):
    """The properties of a package, without its entries."""

    name: str
    version: str
    platform: str
    os: str
    arch: str
    prefix: str
    """Where it is installed: an absolute path."""
    summary: str
    license: str
    maintainer: str
    service_manager: str = ""
    """One of SERVICE_MANAGERS, or "" if the platform names none."""
    services: tuple[Service, ...] = ()
    hooks: tuple[Hook, ...] = ()
    device: tuple[Value, ...] = ()
    debian: tuple[tuple[str, str], ...] = ()
    """Fields of a Debian package's control file, of DEBIAN_FIELDS, sorted."""
    python: str = ""
    """The version of Python that it needs on its machine, such as `3.11`; "" where it needs none
    in particular."""
    debian_files: tuple[tuple[str, str], ...] = ()
    """Digests of what a Debian package holds besides the entries: see deb/control.py."""


_NAMED: dict[str, Any] = {"services": Service, "hooks": Hook, "device": Value}
"""Fields of a package that are maps in JSON, by name."""
_OPTIONAL = ("debian_files", "python")
"""Fields that are spelt only where they say something."""
_TEXTS = frozenset(Package._fields) - {*_NAMED, *_OPTIONAL, "debian"}

_DIGEST = re.compile(r"[0-9a-f]{64}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_~-]{0,99}")
_PYTHON = re.compile(r"3\.[1-9][0-9]?")
_SERVICE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_ODD = re.compile(r"""["'*?\[\]{}$]""")
_CHECKED = {"http": r"https?://[!-~]+", "tcp": r"[!-~]+:[0-9]{1,5}", "uptime": r"[1-9][0-9]{0,3}"}
# What text in one line of UTF-8 cannot contain.
_CONTROL = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{NO_CHARACTERS}]")  # guard: plist-surrogate


def words(command: str) -> list[str]:
    """The words of a command line. Raises ValueError for a quote that is not closed."""
    return shlex.split(command)


def plain(package: Package) -> dict[str, Any]:
    """A package as JSON values."""
    fields = package._asdict()
    for key in _NAMED:
        fields[key] = {each.name: _plain(each) for each in fields[key]}
    fields["debian"] = dict(package.debian)
    # Omitted if there is no deb, or if it is of a version that stated none.
    if files := fields.pop("debian_files"):
        fields["debian_files"] = dict(files)
    if not fields["python"]:  # as it was before a package could say so
        del fields["python"]
    return fields


def parse(fields: dict[str, Any]) -> Package:
    """The package that `plain` would encode so. Raises ValueError with the reason."""
    if {*fields, *_OPTIONAL} != {*Package._fields}:
        raise ValueError("does not have exactly the fields of a package")
    for key in sorted(_TEXTS):
        _demand(type(fields[key]) is str, f"package.{key} is not text")
    if "python" in fields:
        is_python = type(fields["python"]) is str and bool(_PYTHON.fullmatch(fields["python"]))
        _demand(is_python, "package.python is not a version of Python")
    named = {key: _named(key, fields[key]) for key in _NAMED}
    debian = {"debian": _debian(fields["debian"]), "debian_files": _debian_files(fields)}
    package = Package(**{**fields, **named, **debian})
    _check(package)
    return package


def _plain(part: Any) -> dict[str, Any]:
    fields: dict[str, Any] = part._asdict()
    del fields["name"]
    if isinstance(part, Service):
        fields["environment"] = dict(part.environment)
        fields["health"] = part.health and part.health._asdict()
        fields.update({key: [*fields[key]] for key in LISTS})
        fields["extra"] = {key: json.loads(value) for key, value in part.extra}
        # As long as they say nothing, they are not spelt: older tools do not know them.
        for key, default in Service._field_defaults.items():
            if getattr(part, key) == default:
                del fields[key]
    return fields


def _named(key: str, parts: Any) -> tuple[Any, ...]:
    _demand(type(parts) is dict, f"package.{key} is not a map")
    return tuple(_part(key, name, parts[name]) for name in sorted(parts))


def _part(key: str, name: str, fields: Any) -> Any:
    kind, where = _NAMED[key], f"package.{key}.{shown(name)}"
    _demand(type(fields) is dict, f"{where} is not a map")
    keys = {*kind._fields} - {"name"}
    has_all = keys - {*kind._field_defaults} <= {*fields} <= keys
    _demand(has_all, f"{where} does not have exactly the fields it should")
    values = {"name": name, **fields}
    if kind is Service:
        values["environment"] = _environment(values["environment"], where)
        values["health"] = _health(values["health"], where)
        for each in LISTS:
            values[each] = _list(values.get(each, []), f"{where}.{each}")
        values["extra"] = _extra(values.get("extra", {}), where)
    part = kind(**values)
    fault = _FAULTS[key](part)
    _demand(not fault, f"{where}: {fault}")
    return part


def _debian(values: Any) -> tuple[tuple[str, str], ...]:
    _demand(type(values) is dict, "package.debian is not a map")
    for name, value in values.items():
        _demand(name in DEBIAN_FIELDS, f"package.debian: {shown(name)} is not a known field")
        is_field = _is_line(value) and value.strip() == value != ""
        _demand(is_field, f"package.debian.{name} is not one line of text")
    return tuple(sorted(values.items()))


def _debian_files(fields: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    if "debian_files" not in fields:
        return ()
    values = fields["debian_files"]
    _demand(type(values) is dict and values != {}, "package.debian_files is not a map of files")
    for name, value in values.items():
        _demand(_is_line(name), "package.debian_files: a name is not one line of text")
        is_digest = type(value) is str and bool(_DIGEST.fullmatch(value))
        _demand(is_digest, f"package.debian_files.{shown(name)} is not a SHA-256 in hexadecimal")
    return tuple(sorted(values.items()))


def _environment(values: Any, where: str) -> tuple[tuple[str, str], ...]:
    _demand(type(values) is dict, f"{where}.environment is not a map")
    for name, value in values.items():
        _demand(
            bool(_VARIABLE.fullmatch(name)), f"{where}: {shown(name)} is not a valid variable name"
        )
        _demand(_is_line(value), f"{where}: the value of {name} is not one line of text")
    return tuple(sorted(values.items()))


def _list(values: Any, where: str) -> tuple[Any, ...]:
    _demand(type(values) is list, f"{where} is not a list")
    return tuple(values)


def _extra(values: Any, where: str) -> tuple[tuple[str, str], ...]:
    _demand(type(values) is dict, f"{where}.extra is not a map")
    return tuple((key, dump_value(value)) for key, value in sorted(values.items()))


def _health(values: Any, where: str) -> Health | None:
    if values is None:
        return None
    keys = type(values) is dict and {*values}
    _demand(keys == {*Health._fields}, f"{where}.health does not have exactly the fields it should")
    health = Health(**values)
    _demand(
        health.check in CHECKS, f"{where}.health: {shown(str(health.check))} is not a known check"
    )
    _demand(_is_line(health.what), f"{where}.health.{health.check} is not one line of text")
    fault = _command_fault(health.what) if health.check == "command" else _what_fault(health)
    _demand(not fault, f"{where}.health.{health.check}: {fault}")
    _demand(_is_wait(health.within), f"{where}.health: its time is not 1 to {LONGEST_WAIT} seconds")
    return health


def _what_fault(health: Health) -> str:
    holds = re.fullmatch(_CHECKED[health.check], health.what)
    return "" if holds else f"{shown(health.what) or 'nothing'} is not a valid value"


def _service_fault(service: Service) -> str:
    texts = (service.exec, service.restart, service.user, service.group, service.directory)
    if not all(map(_is_line, texts)):
        return "a text is not one line"
    if not _SERVICE.fullmatch(service.name):
        return "is not a valid service name"
    if service.restart not in RESTARTS:
        return f"restart {shown(service.restart)} is not one of {', '.join(RESTARTS)}"
    owners = (owner for owner in (service.user, service.group) if owner)
    fault = _command_fault(service.exec) or (service.directory and _place_fault(service.directory))
    return fault or next((reason for reason in map(owner_fault, owners) if reason), "")


def _command_fault(command: str) -> str:
    try:
        found = words(command)
    except ValueError:
        return f"{shown(command)} has a quote that is not closed, or ends in a backslash"
    return _place_fault(found[0]) if found else "names no program"


def _place_fault(path: str) -> str:
    """Why no service can name `path`: in a unit of systemd, it would mean something else."""
    fault = path_fault(path)
    if odd := _ODD.search(path):
        fault = f"contains {odd[0]}, which the path of a service cannot have"
    return f"{shown(path) or 'nothing'} {fault}" if fault else ""


def _hook_fault(hook: Hook) -> str:
    if hook.name not in HOOKS:
        return f"is not one of {', '.join(HOOKS)}"
    return "" if _is_wait(hook.timeout) else f"timeout is not 1 to {LONGEST_WAIT} seconds"


def _value_fault(value: Value) -> str:
    if not _VARIABLE.fullmatch(value.name):
        return "is not a valid variable name"
    if not _is_line(value.pattern) or not _is_line(value.summary):
        return "a text is not one line"
    known: object = value.secret
    return "" if type(known) is bool else "secret is neither true nor false"


_FAULTS: dict[str, Callable[[Any], str]] = {
    "services": _service_fault,
    "hooks": _hook_fault,
    "device": _value_fault,
}


def _check(package: Package) -> None:
    # These become the names of files and directories, and lines of dpkg's.
    for text in (package.name, package.version, package.platform, package.os, package.arch):
        _demand(
            bool(_IDENTIFIER.fullmatch(text)),
            f"{shown(text) or 'nothing'} is not a valid name, version, platform, os or arch: use "
            "up to 100 letters, digits and . + _ ~ -, first a letter or digit",
        )
    prefix = package.prefix
    fault = path_fault(prefix[1:]) if prefix.startswith("/") else "is not absolute"
    if package.services:
        fault = fault or _place_fault(prefix[1:])
    _demand(not fault, f"package.prefix: {shown(prefix) or 'nothing'}: {fault}")
    _check_patterns(package.device)
    for service in package.services:
        fault = manager_fault(service, package.service_manager)
        _demand(not fault, f"package.services.{service.name}: {fault}")
    managers = ("", *SERVICE_MANAGERS)
    _demand(package.service_manager in managers, "package.service_manager is unknown")


def _check_patterns(values: Sequence[Value]) -> None:
    # Python takes its time to compile a set of many characters: 8 ms for 7 bytes.
    length = sum(len(value.pattern.encode()) for value in values)
    told = (
        f"package.device: its patterns have {length} bytes together; {_MOST_PATTERNS} are allowed"
    )
    _demand(length <= _MOST_PATTERNS, told)
    for value in values:
        try:
            re.compile(value.pattern)
        except (re.error, RecursionError, OverflowError):
            what = f"{shown(value.pattern)} is not a valid regular expression"
            raise ValueError(f"package.device.{value.name}: {what}") from None


def _is_line(text: Any) -> bool:
    return type(text) is str and not _CONTROL.search(text)


def _is_wait(seconds: Any) -> bool:
    return type(seconds) is int and 1 <= seconds <= LONGEST_WAIT


def _demand(holds: bool, message: str) -> None:  # noqa: FBT001 - like assert
    if not holds:
        raise ValueError(message)
