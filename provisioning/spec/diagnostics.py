"""Knows which known name a misspelt one was meant to be, without comparing all with all."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from unicodedata import combining, east_asian_width

from provisioning.console import BLUE, BOLD, CYAN, RED, leave_plain, paint, printable, shows_colour
from provisioning.errors import ProvisioningError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

    from provisioning.console import Paint
    from provisioning.spec.yaml.node import Origin

    Lines = Callable[[str], list[str]]


_WILD = re.compile("[*?]")
# A file can hold thousands of misspelt names and thousands of known ones.
_LONGEST_NAME = 40  # no name longer than this is a slip of the finger
_MOST_SLIPS = 3
_SHORTEST_BEGINNING = 3
_MOST_COMPARED = 16
_MOST_SOUGHT, _MOST_LISTED = 2_000, 30


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that `name` is most likely meant to be; None if none is like it."""
    if name in known:
        return name
    if not 0 < len(name) <= _LONGEST_NAME:
        return None
    wanted = name.casefold()
    most = min(len(wanted) // 3, _MOST_SLIPS)
    alike = islice(_alike(wanted, known, most), _MOST_COMPARED)
    judged = [(_slips(wanted, each.casefold()), each) for each in alike]
    slips, near = min(judged, default=(most + 1, ""))
    return near if slips <= most else _begun(wanted, known)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return "did you mean …?" with the nearest known name, else all known names, else nothing."""
    if near := nearest(name, known):
        return f"did you mean {near}?"
    if len(known) > _MOST_SOUGHT:
        return ""
    if len(known) > _MOST_LISTED:
        return f"none of the {len(known):,} known names is like it"
    return f"known: {', '.join(sorted(known))}" if known else ""


def no_glob(path: str) -> str:
    """What to do about `path` where one file is wanted and there is none; "" if it names one."""
    return "write the name of one file; this is no glob" if _WILD.search(path) else ""


def nearest_path(root: Path, path: str) -> str | None:
    """Return the file below `root` that `path`, which is none, is most likely meant to be."""
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


def _begun(wanted: str, known: Collection[str]) -> str | None:
    """The shortest known name of which `wanted` is the beginning."""
    if len(wanted) < _SHORTEST_BEGINNING:
        return None
    names = islice(known, _MOST_SOUGHT)
    begun = [(len(name), name) for name in names if name.casefold().startswith(wanted)]
    return min(begun)[1] if begun else None


def _alike(wanted: str, known: Collection[str], most: int) -> Iterator[str]:
    """The known names that can be `most` slips from `wanted`, the likeliest first."""
    letters, length = _letters(wanted), len(wanted)
    # A slip changes the length by one at most, and the set of letters, of 128, by two.
    alike: list[list[str]] = [[] for _ in range(2 * most + 1)]
    for name in islice(known, _MOST_SOUGHT):
        if abs(len(name) - length) <= most:
            strange = (_letters(name) ^ letters).bit_count()
            if strange <= 2 * most:
                alike[strange].append(name)
    return chain.from_iterable(alike)


@lru_cache(maxsize=1 << 14)
def _letters(name: str) -> int:
    """The letters of `name`, as a set of bits."""
    bits = 0
    for letter in name.casefold():
        bits |= 1 << ord(letter) % 128
    return bits


def _slips(one: str, other: str) -> int:
    """How many letters are left out, added, replaced or swapped: optimal string alignment.

    Each step does a whole column of the usual table, in the bits of a few integers: H. Hyyrö,
    "A Bit-Vector Algorithm for Computing Levenshtein and Damerau Edit Distances", 2003.
    """
    places = dict.fromkeys(one, 0)
    for number, letter in enumerate(one):
        places[letter] |= 1 << number
    column = (1 << len(one)) - 1
    last = 1 << len(one) >> 1
    down, up, same, before, slips = column, 0, 0, 0, len(one)
    for letter in other:
        here = places.get(letter, 0)
        swapped = (~same & here) << 1 & before
        same = swapped | (((here & down) + down) ^ down) | here | up
        right, left = up | (~(same | down) & column), same & down
        slips += bool(right & last) - bool(left & last)
        right, left = right << 1 | 1, left << 1
        down, up, before = (left | ~(same | right)) & column, right & same & column, here
    return slips


MOST_SHOWN = 100
"""Faults that a report shows; it counts the others."""

# YAML 1.1, section 5.4: what libyaml counts as the end of a line.
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# What a caret underlines: a quoted string, a map or list in one line, or plain text to its end.
_TOKEN = re.compile(
    r"""  "(?:\\.|[^"\\])*" | '(?:''|[^'])*' | \{.*\} | \[.*\]
      | .+?(?=\s*(?:$|\s\#|:(?:\s|$)|[,\]}])) """,
    re.VERBOSE,
)
_WIDEST, _LONGEST, _MOST_RELATED, _MOST_READ = 120, 500, 10, 1 << 20


def report(faults: Sequence[Diagnostic], root: Path, *, colour: bool) -> Iterator[str]:
    """Yield the lines that tell `faults` of the project at `root`."""
    hidden = {fault.origin.file for fault in faults if not fault.excerpt}

    @cache
    def lines(file: str) -> list[str]:
        return [] if file in hidden else _lines(root / file)

    shown = _Report(lines, paint if colour else leave_plain)
    for fault in faults[:MOST_SHOWN]:
        yield from shown.fault(fault)
    if len(faults) > MOST_SHOWN:
        yield f"and {len(faults) - MOST_SHOWN:,} more faults"


class _Report:
    def __init__(self, lines: Lines, paint: Paint) -> None:
        self._lines = lines
        self._paint = paint

    def fault(self, fault: Diagnostic) -> Iterator[str]:
        where = f"{_clean(fault.where)}: " if fault.where else ""
        told = f"{_place(fault.origin)}: {where}{_clean(fault.message)} [{fault.code}]"
        yield self._paint(told, RED)
        yield from self._excerpt(fault.origin, RED)
        for origin, text in fault.related[:_MOST_RELATED]:
            yield "  " + self._paint(f"{_place(origin)}: {_clean(text)}", BOLD)
            yield from self._excerpt(origin, BLUE)
        if len(fault.related) > _MOST_RELATED:
            yield f"  and {len(fault.related) - _MOST_RELATED:,} more places"
        for number, line in enumerate(fault.hint.splitlines()):
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


def _place(origin: Origin) -> str:
    return _clean(str(origin))


def _clean(text: str) -> str:
    """Return `text` in one line of bounded length, with nothing that a terminal would obey."""
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return printable(text)


def _width(text: str) -> int:
    """The columns of a terminal that `text` takes."""
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


__all__ = ["Diagnostic", "SpecError", "did_you_mean", "error_text", "nearest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One mistake: what is wrong at `where` (such as `contents[2].mode`), and what to do."""

    code: str
    """A stable slug, such as `unknown-key`."""
    origin: Origin
    where: str
    message: str
    hint: str = ""
    related: tuple[tuple[Origin, str], ...] = ()
    """Other places that have a part in it, each with its text: `first written here`."""
    excerpt: bool = True
    """Whether the lines may be shown; not where a secret may stand in them."""

    @classmethod
    def at(
        cls,
        origin: Origin,
        code: str,
        message: str,
        hint: str = "",
        related: tuple[tuple[Origin, str], ...] = (),
    ) -> Diagnostic:
        """Make a fault whose `where` is the path of the place itself."""
        return cls(
            code=code,
            origin=origin,
            where=origin.path,
            message=message,
            hint=hint,
            related=related,
        )


class SpecError(ProvisioningError):
    """Every fault found in the project's files, sorted, each once; `str()` is the whole report."""

    def __init__(self, faults: Iterable[Diagnostic], root: Path) -> None:
        """Gather `faults`; the lines they point at are read below `root` when they are shown."""
        super().__init__()
        self.diagnostics = tuple(sorted(dict.fromkeys(faults), key=_order))
        self.root = root

    def __str__(self) -> str:
        """Tell the faults, each with its line and a caret."""
        return self.text()

    def text(self, *, colour: bool = False) -> str:
        """Return what `str()` does; in `colour` with the escape codes of a terminal."""
        return "\n".join(report(self.diagnostics, self.root, colour=colour))

    def as_json(self) -> dict[str, Any]:
        """Return every fault, for editors, as what `json.dumps` takes.

            {"faults": [{"code": "duplicate-key",
                         "file": "specs/app.yaml", "line": 7, "column": 3,
                         "path": "variables.port",
                         "message": "this key is here twice", "hint": "",
                         "related": [{"file": "specs/app.yaml", "line": 5, "column": 3,
                                      "message": "first written here"}]}]}

        Lines and columns count from 1, columns in characters; both are null where a fault is one
        of the file as a whole. `path`, `hint` and `message` are text, `path` and `hint` may be
        empty. `code` is a stable name of the kind of fault, as the report shows it in brackets.
        """
        return {"faults": [_spelled(fault) for fault in self.diagnostics]}


def error_text(error: ProvisioningError, stream: TextIO | None) -> str:
    """Return what `error` says, for `stream`: in colour where that shows it."""
    if isinstance(error, SpecError):
        return error.text(colour=shows_colour(stream))
    return str(error)


def _order(fault: Diagnostic) -> tuple[str, int, int, str, str]:
    # Plain values: thousands of origins compare slowly.
    origin = fault.origin
    return origin.file, origin.line, origin.column, fault.code, fault.message


def _spelled(fault: Diagnostic) -> dict[str, Any]:
    return {
        "code": fault.code,
        **_spelled_place(fault.origin),
        "path": _sound(fault.where),
        "message": _sound(fault.message),
        "hint": _sound(fault.hint),
        "related": [
            {**_spelled_place(origin), "message": _sound(text)} for origin, text in fault.related
        ],
    }


def _spelled_place(origin: Origin) -> dict[str, Any]:
    line, column = (origin.line, origin.column) if origin.line else (None, None)
    return {"file": _sound(origin.file), "line": line, "column": column}


def _sound(text: str) -> str:
    """Return `text` as UTF-8 can hold it: file names need not be."""
    return text.encode(errors="backslashreplace").decode()


SECRETS = "secrets"

_KEY = re.compile(rf"""(?:^|[\s{{,"'-]){SECRETS}["']?\s*:""")
_MESSAGE = "this cannot be read; a secret may stand in it, so no more of it is shown"
# Their messages name keys alone.
_HARMLESS = frozenset({"duplicate-key", "merge-key"})


def withheld(faults: Iterable[Diagnostic], text: str) -> list[Diagnostic]:
    """Return `faults` of the file `text`; those among secrets without what is written there.

    What cannot be read may be a secret: a quote that is not closed, behind a password.
    """
    secret = _secret_lines(text) if SECRETS in text else ()
    return [_withheld(fault) if _is_among(fault, secret) else fault for fault in faults]


def _is_among(fault: Diagnostic, secret: Container[int]) -> bool:
    return fault.origin.line in secret or any(each.line in secret for each, _ in fault.related)


def _withheld(fault: Diagnostic) -> Diagnostic:
    if fault.code in _HARMLESS:
        return replace(fault, excerpt=False)
    return replace(fault, message=_MESSAGE, hint="", related=(), excerpt=False)


def _secret_lines(text: str) -> set[int]:
    """The numbers of the lines that belong to `secrets`, as far as they are indented."""
    found, above = set[int](), -1
    for number, line in enumerate(LINE_BREAK.split(text), 1):
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent <= above:
            above = -1
        if above < 0 and _KEY.search(line):
            above = indent
        if above >= 0:
            found.add(number)
    return found
