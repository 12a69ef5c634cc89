"""Checks the values of a device: the file etc/device.env, and what a package requires of it.

The file is one that systemd reads as an EnvironmentFile= (systemd.exec(5)). Of what systemd
accepts, only what every reader understands alike is accepted here.

A Debian package runs the text of this module before it is unpacked, when none of its files exist:
so it imports the standard library only. Its arguments then are the path of the file, and the
required values as in the manifest.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\["\\$`])*)"')
_ESCAPED = re.compile(r'\\(["\\$`])')
_BARE = re.compile(r"""[^\s"'\\](?:[^"'\\]*[^\s"'\\])?|""")
_COMMENT = re.compile(r"\s#")
_QUOTES = 'single ones, or double ones with a backslash before ", \\, $ and `'
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef]")
_NO_CHARACTER = 0xFFFE  # at the end of each plane, as the one after it: systemd reads no such file


class Value(NamedTuple):
    """A value that only the device knows, required before the package can be installed."""

    name: str
    """That of an environment variable."""
    pattern: str
    """A regular expression for the whole value; "" accepts any text that is not empty."""
    secret: bool
    """Never to be shown."""
    summary: str


class File(NamedTuple):
    """The file of values on the machine."""

    where: str
    """Its whole path, for people."""
    data: bytes
    status: os.stat_result | None
    """None: there is no such file."""


class _Said(NamedTuple):
    values: dict[str, str]
    faults: list[str]


def main(arguments: Sequence[str]) -> int:
    """Print what is wrong with a file of values; return 1 if anything is."""
    where, asked = arguments
    values = [Value(name, **said) for name, said in json.loads(asked).items()]
    try:
        found = faults(values, _file(where))
    except OSError as error:
        found = [f"{where}: {error.strerror}"]
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


def faults(asked: Sequence[Value], file: File) -> list[str]:
    """What is wrong with the required values in a file."""
    if not asked:
        return []
    if file.status is None:
        told = [f"{file.where}: there is no such file; write into it:"]
        return [*told, *(f"  {line}" for value in asked for line in _lines(value))]
    if not stat.S_ISREG(file.status.st_mode):
        return [f"{file.where}: is not a regular file"]
    said = _read(file.data)
    found = [f"{file.where}:{fault}" for fault in said.faults]
    found += _exposed(asked, file)
    known = (_fault(value, said.values, file.where) for value in asked)
    return found + [fault for fault in known if fault]


def values(asked: Iterable[Value], data: bytes) -> dict[str, str]:
    """The required values, in a file without faults."""
    said = _read(data).values
    return {value.name: said[value.name] for value in asked if value.name in said}


def _file(where: str) -> File:
    try:
        status = os.lstat(where)
    except FileNotFoundError:
        return File(where, b"", None)
    if not stat.S_ISREG(status.st_mode):
        return File(where, b"", status)
    with open(where, "rb") as file:
        return File(where, file.read(), status)


def _lines(value: Value) -> list[str]:
    """The line to write for a value: it can be copied, and counts as missing until it is filled in.

    A comment cannot follow the value: it would be part of it.
    """
    note = _note(value)
    return [*([f"# {note}"] if note else []), f"{value.name}="]


def _note(value: Value) -> str:
    told = [value.summary, value.pattern and f"({value.pattern})"]
    return " ".join(part for part in told if part)


def _advice(value: Value) -> str:
    note = _note(value)
    return f"write it after {value.name}=" + (f": {note}" if note else "")


def _exposed(asked: Iterable[Value], file: File) -> list[str]:
    secret = [value.name for value in asked if value.secret]
    if not secret or file.status is None or not file.status.st_mode & 0o077:
        return []
    mode = stat.S_IMODE(file.status.st_mode)
    told = f"other users can read it (mode {mode:04o}), but {', '.join(secret)} is secret"
    return [f"{file.where}: {told}; run: chmod 600 {file.where}"]


def _fault(value: Value, said: dict[str, str], where: str) -> str:
    if value.name not in said:
        return f"{where}: {value.name} is missing; {_advice(value)}"
    text = said[value.name]
    if not text:
        return f"{where}: {value.name} is empty; {_advice(value)}"
    if value.pattern and not re.fullmatch(value.pattern, text):
        shows = text if text.isprintable() else ascii(text)  # as path.shown has it
        shows = "what is there" if value.secret else shows
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
    odd = _CONTROL.search(written) or any(
        ord(each) & _NO_CHARACTER == _NO_CHARACTER for each in written
    )
    match = None if odd else _LINE.fullmatch(written)
    if not match:
        said.faults.append(f"{number}: is not NAME=value")
        return
    name, value = match[1], _value(match[2].strip(" \t"))
    if value is None:
        said.faults.append(f"{number}: the value of {name} must be in quotes: {_QUOTES}")
    elif name in said.values:
        said.faults.append(f"{number}: {name} appears twice")
    else:
        said.values[name] = value


def _value(written: str) -> str | None:
    if single := _SINGLE.fullmatch(written):
        return single[1]
    if double := _DOUBLE.fullmatch(written):
        return _ESCAPED.sub(r"\1", double[1])
    # A comment to its author and to a shell, but part of the value to systemd.
    # guard: comment-in-a-device-file
    return written if _BARE.fullmatch(written) and not _COMMENT.search(written) else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
