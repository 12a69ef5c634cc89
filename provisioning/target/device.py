"""Knows what the machine says of itself: the values in etc/device.env, and what they must be.

The file is one that systemd reads as an EnvironmentFile= (systemd.exec(5)). Of what it would take,
only what has one meaning to anybody is taken here.
"""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.path import DEVICE, shown

if TYPE_CHECKING:
    import os

    from provisioning.artifact.package import Package, Value

_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\["\\$`])*)"')
_ESCAPED = re.compile(r'\\(["\\$`])')
_BARE = re.compile(r"""[^\s"'\\](?:[^"'\\]*[^\s"'\\])?|""")
_QUOTES = 'single ones, or double ones with a backslash before ", \\, $ and `'
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class File(NamedTuple):
    """The file of values, as it lies on the machine."""

    where: str
    """Its whole path, for people."""
    data: bytes
    status: os.stat_result | None
    """None: there is no such file."""


class _Said(NamedTuple):
    values: dict[str, str]
    faults: list[str]


def where(package: Package) -> str:
    """Where the values of a package are."""
    return f"{package.prefix}/{DEVICE}"


def faults(package: Package, file: File) -> list[str]:
    """Tell what is wrong with the values, as far as the package needs them."""
    if not package.device:
        return []
    if file.status is None:
        told = [f"{file.where}: there is no such file; write into it:"]
        return [*told, *(f"  {_line(value)}" for value in package.device)]
    if not stat.S_ISREG(file.status.st_mode):
        return [f"{file.where}: is no regular file"]
    said = _read(file.data)
    found = [f"{file.where}:{fault}" for fault in said.faults]
    found += _exposed(package, file)
    known = (_fault(value, said.values, file.where) for value in package.device)
    return found + [fault for fault in known if fault]


def values(package: Package, data: bytes) -> dict[str, str]:
    """The values that a package asks for, in a file without faults."""
    said = _read(data).values
    return {value.name: said[value.name] for value in package.device if value.name in said}


def _line(value: Value) -> str:
    told = [value.summary, value.pattern and f"({value.pattern})"]
    note = " ".join(part for part in told if part)
    return f"{value.name}=…   # {note}" if note else f"{value.name}=…"


def _exposed(package: Package, file: File) -> list[str]:
    secret = [value.name for value in package.device if value.secret]
    if not secret or file.status is None or not file.status.st_mode & 0o077:
        return []
    mode = stat.S_IMODE(file.status.st_mode)
    told = f"others can read it (mode {mode:04o}), and {', '.join(secret)} is secret"
    return [f"{file.where}: {told}; run: chmod 600 {file.where}"]


def _fault(value: Value, said: dict[str, str], where: str) -> str:
    if value.name not in said:
        return f"{where}: {value.name} is missing; add the line {_line(value)}"
    text = said[value.name]
    if not text:
        return f"{where}: {value.name} is empty; write {_line(value)}"
    if value.pattern and not re.fullmatch(value.pattern, text):
        shows = "what is there" if value.secret else shown(text)
        return f"{where}: {value.name}: {shows} does not match {value.pattern}"
    return ""


def _read(data: bytes) -> _Said:
    said = _Said({}, [])
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _Said({}, [" is not text in UTF-8"])
    for number, line in enumerate(text.split("\n"), 1):
        _take(line, number, said)
    return said


def _take(line: str, number: int, said: _Said) -> None:
    written = line.strip(" \t")
    if not written or written[0] in "#;":
        return
    match = None if _CONTROL.search(written) else _LINE.fullmatch(written)
    if not match:
        said.faults.append(f"{number}: is not NAME=value")
        return
    name, value = match[1], _value(match[2].strip(" \t"))
    if value is None:
        said.faults.append(f"{number}: the value of {name} has to be in quotes, {_QUOTES}")
    elif name in said.values:
        said.faults.append(f"{number}: {name} is here twice")
    else:
        said.values[name] = value


def _value(written: str) -> str | None:
    if single := _SINGLE.fullmatch(written):
        return single[1]
    if double := _DOUBLE.fullmatch(written):
        return _ESCAPED.sub(r"\1", double[1])
    return written if _BARE.fullmatch(written) else None
