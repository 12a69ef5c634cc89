"""Knows how what lies below a directory is reached without following a link on the way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MOST_OPEN = 16  # of the directories on the way, whatever their number


class Descent:
    """A directory, and the way from there to what was asked for last. Raises OSError."""

    def __init__(self, root: Path | int) -> None:
        # A descriptor stays the caller's.
        at = (root, None) if not isinstance(root, int) else (".", root)
        opened = os.open(at[0], _DIRECTORY, dir_fd=at[1])
        self._way = [("", opened)]  # each lies in the one before, or deeper

    def __enter__(self) -> Descent:
        return self

    def __exit__(self, *_: object) -> None:
        while self._way:
            os.close(self._way.pop()[1])

    def is_empty(self) -> bool:
        """Tell whether there is nothing below."""
        return not os.listdir(self._way[0][1])

    def to(self, path: str) -> tuple[int, str]:
        """Open the directory that holds `path`: its descriptor, until the next call, and the name.

        In the order of a package, most paths lie where the one before them does, or near.
        """
        above, _, name = path.rpartition("/")
        if above != self._way[-1][0]:
            self._go(above)
        return self._way[-1][1], name

    def directory(self, path: str) -> int:
        """Open the directory at `path`; the descriptor is the caller's to close."""
        parent, name = self.to(path)
        return os.open(name or ".", _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)

    def _go(self, path: str) -> None:
        while len(self._way) > 1 and not f"{path}/".startswith(f"{self._way[-1][0]}/"):
            os.close(self._way.pop()[1])
        here, descriptor = self._way[-1]
        while here != path:
            name = path[len(here) :].lstrip("/").partition("/")[0]
            here = f"{here}/{name}" if here else name
            descriptor = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            self._way.append((here, descriptor))
            if len(self._way) > _MOST_OPEN:
                self._close_one()

    def _close_one(self) -> None:
        """Close one on the way, so that the others lie the farther apart the farther they are.

        Who comes back, level by level, then opens few again for each: all from the top would be
        millions in a tree of two thousand levels.
        """
        far = [len(path) for path, _ in self._way]
        gaps = (
            ((far[at + 1] - far[at - 1]) / (far[-1] - far[at]), at) for at in range(1, len(far) - 1)
        )
        os.close(self._way.pop(min(gaps)[1])[1])
