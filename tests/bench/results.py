"""What was measured, and what follows from it: ratios, differences, growth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from .measure import ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .measure import Series

Measured: TypeAlias = dict[str, "Series"]
"""By command, in the order in which they ran."""

SMALL, MIDDLE, LARGE = "1000", "10000", "100000"  # files that were generated
REAL = "real"


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All that was measured, by tree and work; a method raises KeyError for what was not."""

    by: Mapping[tuple[str, str], Measured]

    def of(self, tree: str, work: str, command: str) -> Series:
        """The runs of one command."""
        return self.by[tree, work][command]

    def ratio(self, tree: str, work: str, ours: str, theirs: str) -> float:
        """How many times as long as another command one takes."""
        return ratio(self.of(tree, work, ours), self.of(tree, work, theirs))

    def bytes_ratio(self, tree: str, work: str, ours: str, theirs: str) -> float:
        """How many times as large as another command's product one is."""
        first, second = (self.of(tree, work, name).size for name in (ours, theirs))
        if not first or not second:
            raise KeyError(theirs)
        return first / second

    def growth(self, work: str, command: str, smaller: str) -> float:
        """How many times as long the largest tree takes as a smaller one."""
        return self.of(LARGE, work, command).wall / self.of(smaller, work, command).wall

    def more(self, tree: str, work: str, command: str, less: str) -> float:
        """How many seconds one takes more than another."""
        return self.of(tree, work, command).wall - self.of(tree, work, less).wall
