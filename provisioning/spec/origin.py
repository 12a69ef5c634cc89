"""Knows how a place in a file of the project is told."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Origin:
    """A place in a file of the project: where a value, a key or a fault was written."""

    file: str
    """Relative to the project's root, POSIX; a built-in platform's is its path in this package."""
    line: int
    """From 1; 0 stands for the file as a whole."""
    column: int
    """From 1, in characters."""
    path: str = field(default="", compare=False)
    """The keys that lead there, as a person reads them: `contents[2].mode`."""

    def __str__(self) -> str:
        """Spell the place as editors and compilers do."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file
