"""What a fault is, what has to come of it, and the places in the code that see to that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .how import How


class Guard(NamedTuple):
    """A place in the code that a fault does not get past, and the test that fails without it."""

    mark: str
    """The name in the comment `# guard: NAME` of that place: see marks.py."""
    how: How
    """What stands there where the guard is removed: see how.py."""
    test: str
    """The id of a test, below `tests/`: the quickest that must fail then."""


class Fault(NamedTuple):
    """Something that goes wrong, is wrong, or is done on purpose."""

    what: str
    outcome: str
    """What has to come of it."""
    guards: tuple[Guard, ...]
    sweeps: tuple[str, ...] = ()
    """The ids of long tests that try it everywhere."""


class Group(NamedTuple):
    """Faults that are met on the same occasion."""

    occasion: str
    faults: tuple[Fault, ...]
