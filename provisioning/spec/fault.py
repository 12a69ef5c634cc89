"""Knows how a mistake in the project's files is told: place, reason, the line itself, a way out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from provisioning.errors import ProvisioningError
from provisioning.spec.near import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from provisioning.spec.node import Origin

    Lines = Callable[[str], list[str]]

__all__ = ["LINE_BREAK", "Fault", "SpecError", "did_you_mean", "nearest"]

# YAML 1.1, section 5.4: what libyaml counts as the end of a line.
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# What a caret underlines: a quoted string, a map or list in one line, or plain text to its end.
_TOKEN = re.compile(
    r"""  "(?:\\.|[^"\\])*" | '(?:''|[^'])*' | \{.*\} | \[.*\]
      | .+?(?=\s*(?:$|\s\#|:(?:\s|$)|[,\]}])) """,
    re.VERBOSE,
)
_WIDEST = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
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
    ) -> Fault:
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

    def __init__(self, faults: Iterable[Fault], root: Path) -> None:
        """Gather `faults`; the lines they point at are read below `root` when they are shown."""
        super().__init__()
        self.faults = tuple(sorted(set(faults), key=lambda f: (f.origin, f.code, f.message)))
        self.root = root

    def __str__(self) -> str:
        """Tell every fault, with its line and a caret."""
        hidden = {fault.origin.file for fault in self.faults if not fault.excerpt}

        @cache
        def lines(file: str) -> list[str]:
            return [] if file in hidden else _lines(self.root / file)

        return "\n".join(line for fault in self.faults for line in _report(fault, lines))


def _report(fault: Fault, lines: Lines) -> Iterator[str]:
    where = f"{fault.where}: " if fault.where else ""
    yield f"{fault.origin}: {where}{fault.message} [{fault.code}]"
    yield from _excerpt(fault.origin, lines)
    for origin, text in fault.related:
        yield f"  {origin}: {text}"
        yield from _excerpt(origin, lines)
    if fault.hint:
        yield f"  help: {fault.hint}"


def _excerpt(origin: Origin, lines: Lines) -> Iterator[str]:
    numbered = lines(origin.file)
    if not 1 <= origin.line <= len(numbered):
        return
    line = numbered[origin.line - 1]
    start = max(0, origin.column - _WIDEST // 2) if len(line) > _WIDEST else 0
    # What cannot be shown would move the caret, or write to the terminal in its own way.
    shown = "".join(c if c.isprintable() else " " for c in line[start : start + _WIDEST])
    column = origin.column - 1 - start
    token = _TOKEN.match(shown, column)
    yield f"{origin.line:>5} | {shown}".rstrip()
    yield f"      | {' ' * column}{'^' * (len(token[0]) if token else 1)}"


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        return []
    return LINE_BREAK.split(text.removeprefix("\ufeff")) if text else []
