"""Knows which variants hold more than what is committed, so that their versions are "dirty"."""

from __future__ import annotations

import os
from collections import deque
from functools import cached_property
from typing import TYPE_CHECKING

from provisioning.build.committed import Committed
from provisioning.build.taken import Taken, is_inside, places
from provisioning.build.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from provisioning.build.committed import State
    from provisioning.build.part import Part
    from provisioning.build.sources import Sources
    from provisioning.build.verdict import Makers, Task


def judge(
    commit: str, parts: Sequence[Part], sources: Sources, makers: Callable[[], Makers]
) -> dict[str, Verdict]:
    """The verdict on each of `parts`, by its variant's key; `makers` are asked for if they matter.

    Raises:
        GitError: git cannot tell.
    """
    committed = Committed("", commit)
    taken = {part.variant.key: Taken(part.variant, part.brief.named) for part in parts}
    walked = {path for each in taken.values() for path in each.walked(sources)}
    suspects = sorted(committed.suspects(walked))
    found: dict[str, Verdict] = {}
    for key, each in taken.items():
        trial = _Trial(committed, each, makers)
        edited = trial.edited(path for path in suspects if path in each)
        watched = sorted({*each.watched, *trial.inputs})
        found[key] = Verdict(commit, edited, tuple((name, sources.told(name)) for name in watched))
    return found


class _Trial:
    """Whether files go back to what is committed, all of them."""

    def __init__(self, committed: Committed, taken: Taken, makers: Callable[[], Makers]) -> None:
        self._committed = committed
        self._taken = taken
        self._ask = makers
        self.inputs: set[str] = set()
        """What those that are made are made from."""

    def edited(self, suspects: Iterable[str]) -> str:
        """One of `suspects`, or of what they are made from, that is not as committed; or ""."""
        waiting = deque(suspects)
        while waiting:
            path = waiting.popleft()
            state = self._committed.state(path)
            if state != "same" and not self._is_made(path, state, waiting):
                return path
        return ""

    def _is_made(self, path: str, state: State, waiting: deque[str]) -> bool:
        """Whether tasks make what is not committed; then what they make it from is `waiting`."""
        # A file that git holds is nobody's to make: the next checkout brings another.
        makers = self._makers(path) if state == "new" else []
        inputs = {each for maker in makers for each in maker.inputs}
        if state == "new":
            inputs.add(self._known.file)
        new = {each for each in inputs - self.inputs if each and is_inside(each)}
        self.inputs |= new
        waiting += [place for each in sorted(new) for place in places(each, follows=True)]
        return bool(makers)

    @cached_property
    def _known(self) -> Makers:
        return self._ask()

    @cached_property
    def _by_place(self) -> dict[str, list[Task]]:
        """Who makes a file or directory, or all that there is in one of which git has nothing."""
        found: dict[str, list[Task]] = {}
        for maker in self._known.tasks:
            for target in filter(is_inside, maker.targets):
                (*_, place) = places(target)
                found.setdefault(place, []).append(maker)
                directory = os.path.dirname(place)
                if directory and not self._committed.holds(directory):
                    found.setdefault(directory, []).append(maker)
        return found

    def _makers(self, path: str) -> list[Task]:
        named = self._taken.made_by(path)
        return [
            *(maker for place in _upwards(path) for maker in self._by_place.get(place, ())),
            *(maker for maker in self._known.tasks if named and _is_one(maker.name, named)),
        ]


def _is_one(name: str, named: Iterable[str]) -> bool:
    """Whether a task is one of those that are `named`, or one of a group's."""
    return any(name == each or name.startswith(f"{each}:") for each in named)


def _upwards(path: str) -> Iterator[str]:
    """`path`, and each directory in which it lies."""
    while path:
        yield path
        path = os.path.dirname(path)
