"""What is wrong with a spec: diagnostics, the report that shows them, and suggestions."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from unicodedata import combining, east_asian_width

from provisioning.console import BLUE, BOLD, CYAN, RED, leave_plain, paint, printable, shows_colour
from provisioning.errors import ProvisioningError
from provisioning.spec.yaml.node import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

    from provisioning.console import Paint

    Related = tuple[tuple[Origin, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One mistake: what is wrong at `where` (such as `contents[2].mode`), and what to do."""

    code: str
    """A stable slug, such as `unknown-key`."""
    origin: Origin
    where: str
    message: str
    hint: str = ""
    related: Related = ()
    """Other places that have a part in it, each with its text: `first written here`."""
    excerpt: bool = True
    """Whether the lines may be shown; not where a secret may stand in them."""

    @classmethod
    def at(
        cls, origin: Origin, code: str, message: str, hint: str = "", related: Related = ()
    ) -> Diagnostic:
        """Make a diagnostic whose `where` is the path of the place itself."""
        where = origin.path
        return cls(
            code=code, origin=origin, where=where, message=message, hint=hint, related=related
        )


class Diagnostics(list[Diagnostic]):
    """Collects all that is found to be wrong, so that one report can show it."""

    def error(
        self, origin: Origin, code: str, message: str, hint: str = "", related: Related = ()
    ) -> None:
        """Add a diagnostic of the place `origin`."""
        self.append(Diagnostic.at(origin, code, message, hint, related))


class SpecError(ProvisioningError):
    """All that is wrong in a project's files, sorted, each once; `str()` is the whole report."""

    def __init__(self, found: Iterable[Diagnostic], root: Path) -> None:
        """Gather what was found; the lines to show are read below `root` when they are needed."""
        super().__init__()
        self.diagnostics = tuple(sorted(dict.fromkeys(found), key=_order))
        self.root = root

    def __str__(self) -> str:
        """Return the report, each diagnostic with its line and a caret."""
        return self.text()

    def text(self, *, colour: bool = False) -> str:
        """Return what `str()` does; in `colour` with the escape codes of a terminal."""
        return "\n".join(report(self.diagnostics, self.root, colour=colour))

    def as_json(self) -> dict[str, Any]:
        """Return every diagnostic, for editors, as what `json.dumps` takes.

            {"faults": [{"code": "duplicate-key",
                         "file": "specs/app.yaml", "line": 7, "column": 3,
                         "path": "variables.port",
                         "message": "this key appears twice", "hint": "",
                         "related": [{"file": "specs/app.yaml", "line": 5, "column": 3,
                                      "message": "first written here"}]}]}

        Lines and columns count from 1, columns in characters; both are null where it is about the
        file as a whole. `path`, `hint` and `message` are text; `path` and `hint` may be empty.
        `code` is a stable name of the kind of mistake, as the report shows it in brackets.
        """
        return {"faults": [_json(each) for each in self.diagnostics]}


def error_text(error: ProvisioningError, stream: TextIO | None) -> str:
    """Return the text of `error`, for `stream`: in colour if that shows it."""
    if isinstance(error, SpecError):
        return error.text(colour=shows_colour(stream))
    return str(error)


def _order(each: Diagnostic) -> tuple[str, int, int, str, str]:
    # Plain values: thousands of origins compare slowly.
    origin = each.origin
    return origin.file, origin.line, origin.column, each.code, each.message


def _json(each: Diagnostic) -> dict[str, Any]:
    return {
        "code": each.code,
        **_json_place(each.origin),
        "path": _utf8(each.where),
        "message": _utf8(each.message),
        "hint": _utf8(each.hint),
        "related": [
            {**_json_place(origin), "message": _utf8(text)} for origin, text in each.related
        ],
    }


def _json_place(origin: Origin) -> dict[str, Any]:
    line, column = (origin.line, origin.column) if origin.line else (None, None)
    return {"file": _utf8(origin.file), "line": line, "column": column}


def _utf8(text: str) -> str:
    """Return `text` as UTF-8 can hold it: file names need not be."""
    return text.encode(errors="backslashreplace").decode()


MOST_SHOWN = 100
"""Diagnostics that a report shows; it counts the others."""

# YAML 1.1, section 5.4: what libyaml counts as the end of a line.
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# What a caret underlines: a quoted string, a map or list in one line, or plain text to its end.
_TOKEN = re.compile(
    r"""  "(?:\\.|[^"\\])*" | '(?:''|[^'])*' | \{.*\} | \[.*\]
      | .+?(?=\s*(?:$|\s\#|:(?:\s|$)|[,\]}])) """,
    re.VERBOSE,
)
_WIDEST, _LONGEST, _MOST_RELATED, _MOST_READ = 120, 500, 10, 1 << 20


def report(found: Sequence[Diagnostic], root: Path, *, colour: bool) -> Iterator[str]:
    """Yield the lines that show what was found in the project at `root`."""
    hidden = {each.origin.file for each in found if not each.excerpt}

    @cache
    def lines(file: str) -> list[str]:
        return [] if file in hidden else _lines(root / file)

    shown = _Report(lines, paint if colour else leave_plain)
    for each in found[:MOST_SHOWN]:
        yield from shown.diagnostic(each)
    if len(found) > MOST_SHOWN:
        yield f"and {len(found) - MOST_SHOWN:,} more faults"


class _Report:
    def __init__(self, lines: Callable[[str], list[str]], paint: Paint) -> None:
        self._lines = lines
        self._paint = paint

    def diagnostic(self, each: Diagnostic) -> Iterator[str]:
        where = f"{_clean(each.where)}: " if each.where else ""
        message = f"{_clean(str(each.origin))}: {where}{_clean(each.message)} [{each.code}]"
        yield self._paint(message, RED)
        yield from self._excerpt(each.origin, RED)
        for origin, text in each.related[:_MOST_RELATED]:
            yield "  " + self._paint(f"{_clean(str(origin))}: {_clean(text)}", BOLD)
            yield from self._excerpt(origin, BLUE)
        if len(each.related) > _MOST_RELATED:
            yield f"  and {len(each.related) - _MOST_RELATED:,} more places"
        for number, line in enumerate(each.hint.splitlines()):
            lead = f"{self._paint('help:', CYAN)} " if number == 0 else "    "
            yield f"  {lead}{_clean(line)}"

    def _excerpt(self, origin: Origin, style: str) -> Iterator[str]:
        numbered = self._lines(origin.file)
        if not 1 <= origin.line <= len(numbered):
            return
        line = numbered[origin.line - 1]
        if not line.strip():
            return
        start = max(0, origin.column - _WIDEST // 2) if len(line) > _WIDEST else 0
        # What cannot be shown would move the caret, or write to the terminal in its own way.
        shown = "".join(c if c.isprintable() else " " for c in line[start : start + _WIDEST])
        column = origin.column - 1 - start
        token = _TOKEN.match(shown, column)
        before, under = _width(shown[:column]), _width(token[0]) if token else 1
        yield f"{self._paint(f'{origin.line:>5} |', BLUE)} {shown}".rstrip()
        yield f"{self._paint('      |', BLUE)} {' ' * before}{self._paint('^' * under, style)}"


def _clean(text: str) -> str:
    """Return `text` in one line of bounded length, with nothing that a terminal would obey."""
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return printable(text)


def _width(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    wide = sum(east_asian_width(c) in {"W", "F"} for c in text)
    return len(text) + wide - sum(map(bool, map(combining, text)))


def _lines(path: Path) -> list[str]:
    try:
        if not path.is_file():
            return []
        with path.open("rb") as stream:
            text = stream.read(_MOST_READ).decode(errors="replace")
    except OSError:
        return []
    return LINE_BREAK.split(text.removeprefix("\ufeff")) if text else []


SECRETS = "secrets"

_SECRETS_KEY = re.compile(rf"""(?:^|[\s{{,"'-]){SECRETS}["']?\s*:""")
_REDACTED = "this cannot be parsed; it may contain a secret, so no more of it is shown"
# Their messages name keys alone.
_HARMLESS = frozenset({"duplicate-key", "merge-key"})


def redacted(found: Iterable[Diagnostic], text: str) -> list[Diagnostic]:
    """Return what was found in the YAML `text`; among secrets, without showing what is written
    there.

    What cannot be read may be a secret: a quote that is not closed, behind a password.
    """
    secret = _secret_lines(text) if SECRETS in text else set[int]()
    return [
        _redacted(each)
        if not secret.isdisjoint((each.origin.line, *(origin.line for origin, _ in each.related)))
        else each
        for each in found
    ]


def _redacted(each: Diagnostic) -> Diagnostic:
    if each.code in _HARMLESS:
        return replace(each, excerpt=False)
    return replace(each, message=_REDACTED, hint="", related=(), excerpt=False)


def _secret_lines(text: str) -> set[int]:
    """Return the numbers of the lines that belong to `secrets`, as far as they are indented."""
    found, above = set[int](), -1
    for number, line in enumerate(LINE_BREAK.split(text), 1):
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent <= above:
            above = -1
        if above < 0 and _SECRETS_KEY.search(line):
            above = indent
        if above >= 0:
            found.add(number)
    return found


_WILD = re.compile("[*?]")
_LONGEST_NAME = 40  # a longer name is not a typing error
_SHORTEST_BEGINNING = 3
_ALIKE = 0.66  # of difflib's ratio: one letter of three may be wrong
# A file can hold thousands of misspelt names and thousands of known ones.
_MOST_COMPARED, _MOST_LISTED = 500, 30


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that `name` is most likely meant to be; None if none is like it."""
    if name in known:
        return name
    wanted = name.casefold()
    if not 0 < len(wanted) <= _LONGEST_NAME:
        return None
    names = {each.casefold(): each for each in islice(known, _MOST_COMPARED)}
    if close := get_close_matches(wanted, names, 1, _ALIKE):
        return names[close[0]]
    begun = [each for word, each in names.items() if word.startswith(wanted)]
    return min(begun, key=len, default=None) if len(wanted) >= _SHORTEST_BEGINNING else None


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return "did you mean …?" with the nearest known name, else the known names if few."""
    if near := nearest(name, known):
        return f"did you mean {near}?"
    return f"known: {', '.join(sorted(known))}" if 0 < len(known) <= _MOST_LISTED else ""


def no_glob(path: str) -> str:
    """Return what to do if `path`, where one file is wanted, is a glob; else ""."""
    return "write the name of one file; globs are not allowed here" if _WILD.search(path) else ""


def nearest_path(root: Path, path: str) -> str | None:
    """Return the file below `root` that the missing `path` is most likely meant to be."""
    found = ""
    for part in PurePosixPath(path).parts:
        try:
            # What cannot be shown cannot be suggested.
            names = [name for name in os.listdir(root / found) if name.isprintable()]
        except OSError:
            return None
        near = nearest(part, names)
        if near is None:
            return None
        found = os.path.join(found, near)
    return found if (root / found).is_file() else None


def origin_at(file: str, text: str, position: int) -> Origin:
    """Return the origin of the character at `position` of `text`."""
    lines = LINE_BREAK.split(text[:position])
    return Origin(file=file, line=len(lines), column=len(lines[-1]) + 1)
