"""A fault, the required outcome, and the places in the code that ensure it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .how import How


class Guard(NamedTuple):
    """A place in the code that stops a fault, and the test that fails without it."""

    mark: str
    """The name in the comment `# guard: NAME` of that place: see marks.py."""
    how: How
    """How the guard is removed: see how.py."""
    test: str
    """The id of a test, below `tests/`: the quickest that must fail then."""


class Fault(NamedTuple):
    """Something that goes wrong, is wrong, or is done on purpose."""

    what: str
    outcome: str
    """The required result."""
    guards: tuple[Guard, ...]
    sweeps: tuple[str, ...] = ()
    """The ids of long tests that try it everywhere."""


class Group(NamedTuple):
    """Faults that occur on the same occasion."""

    occasion: str
    faults: tuple[Fault, ...]
