"""Tables of what becomes of a path whose kind changes, as tests of dpkg and provision have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Cell(NamedTuple):
    """What a path is in the old version, in the new one, and what somebody did to it."""

    old: str
    new: str
    state: str

    @property
    def path(self) -> str:
        """Where it lies below the prefix."""
        return f"t/{'-'.join(self)}"


def cells(table: str, states: Sequence[str]) -> dict[Cell, str]:
    """What is wanted in each cell of a table that is not empty: a row for each old and new kind."""
    wanted = {}
    for line in table.splitlines():
        old, new, row = line.split(maxsplit=2)
        for state, text in zip(states, row.split(" | "), strict=True):
            if text != "-":
                wanted[Cell(old, new, state)] = text
    return wanted
