"""Knows what a mistake in the project's files is, and how all of them are told at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioning.errors import ProvisioningError
from provisioning.spec.near import did_you_mean, nearest
from provisioning.spec.report import report
from provisioning.terminal import shows_colour

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import TextIO

    from provisioning.spec.origin import Origin

__all__ = ["Fault", "SpecError", "did_you_mean", "nearest", "told"]


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
        self.faults = tuple(sorted(dict.fromkeys(faults), key=_order))
        self.root = root

    def __str__(self) -> str:
        """Tell the faults, each with its line and a caret."""
        return self.told()

    def told(self, *, colour: bool = False) -> str:
        """Return what `str()` does; in `colour` with the escape codes of a terminal."""
        return "\n".join(report(self.faults, self.root, colour=colour))

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
        return {"faults": [_spelled(fault) for fault in self.faults]}


def told(error: ProvisioningError, stream: TextIO | None) -> str:
    """Return what `error` says, for `stream`: in colour where that shows it."""
    if isinstance(error, SpecError):
        return error.told(colour=shows_colour(stream))
    return str(error)


def _order(fault: Fault) -> tuple[str, int, int, str, str]:
    # Plain values: thousands of origins compare slowly.
    origin = fault.origin
    return origin.file, origin.line, origin.column, fault.code, fault.message


def _spelled(fault: Fault) -> dict[str, Any]:
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
