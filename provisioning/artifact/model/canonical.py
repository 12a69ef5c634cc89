"""Canonical JSON files: a head, and one row a line.

The first line holds the format and what applies to all rows, the last line is `]}`; between them is
one JSON object a line, its keys sorted. A line can be compared, searched and merged like text, and
equal contents are equal bytes.
"""

from __future__ import annotations

import io
import json
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.model.entry import shown
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Quick = Callable[[list[str]], Iterable[object]]

LIMIT = 64 * 1024 * 1024  # bytes of a file that is read: some 300,000 entries
_LONGEST_LINE = 64 * 1024  # bytes
_LAST = b"]}\n"
_NO_JSON = "is not JSON in UTF-8; is the file cut off or damaged?"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode

Row = dict[str, Any]


class Form(NamedTuple):
    """A kind of file: its format's name with the version, and the key that holds the rows."""

    format: str
    rows: str


def dump(form: Form, head: Row, rows: Iterable[Row]) -> bytes:
    """Encode a file."""
    return frame(form, head, [_encode(row).encode() for row in rows])


def frame(form: Form, head: Row, rows: Sequence[bytes | memoryview]) -> bytes:
    """Encode a file from encoded rows, one or more in each of `rows`.

    Raises ArtifactError if the head is too long to be read again.
    """
    first = _head(form, head).encode()
    if len(first) > _LONGEST_LINE:
        raise ArtifactError(
            f"the properties of the package take {len(first)} bytes; at most {_LONGEST_LINE} can be"
            " read: give it fewer or shorter services, hooks and device values"
        )
    if not rows:
        return first + _LAST
    parts = [b"".join((first, rows[0])), *rows[1:]]
    parts[-1] = b"".join((parts[-1], b"\n", _LAST))
    return b",\n".join(parts)  # the one copy of all


def parse(
    data: bytes, form: Form, where: str, quick: Quick | None = None
) -> tuple[Row, Iterator[Any]]:
    """Read the head of a file, and its rows on demand.

    `quick` gets the lines first, some at a time, and may return rows only for lines that `dump`
    would have encoded so. A line for which it returns None is read as JSON.

    Raises ArtifactError, with `where` and the line, for whatever `dump` would have encoded
    differently.
    """
    if len(data) > LIMIT:
        raise ArtifactError(f"{where}: is larger than {LIMIT} bytes")
    lines = io.BytesIO(data)
    head = _parse_head(lines.readline(_LONGEST_LINE), form, where)
    return head, _parse_rows(lines, where, quick or (lambda some: repeat(None, len(some))))


def _head(form: Form, head: Row) -> str:
    return f'{{"format":{_encode(form.format)},{_encode(head)[1:-1]},"{form.rows}":[\n'


def _parse_head(line: bytes, form: Form, where: str) -> Row:
    try:
        head = _object(_text(line.rstrip(b"\n") + b"]}"))
        _demand_format(str(head.pop("format", "")), form.format)
        head.pop(form.rows, None)
        _demand_spelling(_head(form, head), line)
    except ValueError as error:
        raise ArtifactError(f"{where}: line 1: {error}") from None
    return head


def _demand_format(found: str, known: str) -> None:
    kind = known.rpartition("/")[0]
    if found != known and found.startswith(f"{kind}/"):
        raise ValueError(f"{shown(found)} was made by a newer version; update the tool")
    if found != known:
        raise ValueError(f"is not the first line of a {kind} file")


def _parse_rows(lines: io.BytesIO, where: str, quick: Quick) -> Iterator[Any]:
    number, more = 2, False
    while some := _several(lines):
        more = True  # after a comma comes a row
        for row, text in zip(quick(some), some):
            yield _parse_row(f"{text},\n".encode(), number, where) if row is None else row
            number += 1
    line = lines.readline(_LONGEST_LINE)  # guard: longest-line
    more = more or line != _LAST
    while more:
        more = line.endswith(b",\n")
        yield _parse_row(line, number, where)
        number, line = number + 1, lines.readline(_LONGEST_LINE)
    if line != _LAST or lines.read(1):
        raise ArtifactError(f"{where}: line {number}: should be the end of the file")


def _several(lines: io.BytesIO) -> list[str]:
    """Some of the next lines, without their ends, if another line follows each of them."""
    start = lines.tell()
    # At most the length of one line: otherwise a line that is too long would pass.
    some, _, rest = lines.read(_LONGEST_LINE).rpartition(b",\n")
    lines.seek(-len(rest), io.SEEK_CUR)
    try:
        texts = some.decode().split(",\n")
    except ValueError:
        texts = []
    if not some or some.count(b"\n") != len(texts) - 1:
        lines.seek(start)
        return []
    return texts


def _parse_row(line: bytes, number: int, where: str) -> Row:
    more = line.endswith(b",\n")
    try:
        row = _object(_text(line[:-2] if more else line))
        _demand_spelling(_encode(row) + (",\n" if more else "\n"), line)
    except ValueError as error:
        raise ArtifactError(f"{where}: line {number}: {error}") from None
    return row


def _demand_spelling(text: str, line: bytes) -> None:
    if text.encode(errors="replace") != line:  # guard: canonical-line
        raise ValueError("is not as this tool writes it; was it edited?")


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except ValueError:
        raise ValueError(_NO_JSON) from None


def _object(text: str) -> Row:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # RecursionError: brackets nested a thousand deep
        raise ValueError(_NO_JSON) from None
    if type(value) is not dict:
        raise ValueError("is not a JSON object")
    return value
