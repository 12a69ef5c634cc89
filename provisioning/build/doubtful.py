"""Knows the texts of which other readers of their file make something else: no condition is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from jinja2.exceptions import SecurityError
from jinja2.runtime import Undefined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioning.spec.node import Path


class DoubtError(SecurityError):
    """A text that is used as if it was true or false, or a number; `hint` says what to write."""

    def __init__(self, text: str) -> None:
        """Refuse `text`."""
        super().__init__(f"{text} is text here, which not every reader of YAML takes it for")
        self.hint = f"compare it with text, as in == '{text}', or write another value in its file"


class Doubtful(str):
    """`no`, `022` or `16:30`, which are printed as they were written.

    An application that reads the same file may take them for false, 18 and 990: where a template
    depends on that, nobody can know what is meant.
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __bool__(self) -> bool:
        """Refuse: every text but the empty one is true, and `no` is not meant to be."""
        raise DoubtError(self)

    def __eq__(self, other: object) -> bool:
        """Compare with texts alone."""
        if not isinstance(other, (str, Undefined, type(None))):
            raise DoubtError(self)
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        """Compare with texts alone."""
        return not self == other

    def __mul__(self, _: Any) -> NoReturn:
        """Refuse: a text would be repeated, where a number is meant."""
        raise DoubtError(self)

    __rmul__ = __mul__


def with_doubts(variables: Mapping[str, Any], places: Iterable[Path]) -> dict[str, Any]:
    """Return `variables` with a Doubtful at each of the places."""
    doubted: Any = dict(variables)
    for place in places:
        doubted = _replaced(doubted, place)
    found: dict[str, Any] = doubted
    return found


def _replaced(value: Any, place: Path) -> Any:
    if not place:
        return Doubtful(value)
    first, *rest = place
    copied = value.copy()
    copied[first] = _replaced(value[first], tuple(rest))
    return copied
