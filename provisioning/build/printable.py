"""Knows which values of a template have a text of their own, and demands it wherever one is made.

All others print what Python calls them: an address in memory, or the order of a set, which is
another one at every run, or words that nobody wants in a file.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from jinja2 import pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.filters import make_attrgetter, sync_do_join
from jinja2.runtime import Undefined
from jinja2.sandbox import SandboxedFormatter
from markupsafe import EscapeFormatter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jinja2.nodes import EvalContext

_WITH_TEXT = (str, int, float, type(None), Undefined)
_NAMES = {"generator": "a generator", "range": "a range", "bytes": "a row of bytes"}
# They hand on what they are given, or tell something of it, and make no text of it; or, as tojson,
# see to it themselves.
_PASSING = frozenset(
    {
        *("abs", "attr", "batch", "count", "d", "default", "dictsort", "first", "groupby", "items"),
        *("last", "length", "list", "map", "max", "min", "reject", "rejectattr", "reverse"),
        *("round", "select", "selectattr", "slice", "sort", "sum", "tojson", "unique"),
    }
)


class NoTextError(SecurityError):
    """A value that would print itself as Python has it; `hint` says what to write."""

    def __init__(self, value: Any) -> None:
        """Refuse `value`."""
        kind = type(value).__name__
        super().__init__(f"{_NAMES.get(kind, f'a {kind}')} has no text of its own")
        self.hint = _hint(value)


def _hint(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return "leave out encode()"
    if callable(value):
        return "call it, with () behind its name"
    return "write |list or |join(', ') behind it" if hasattr(value, "__iter__") else ""


def printable(value: Any) -> Any:
    """Return `value`, if it and all that it holds have a text of their own.

    Raises:
        NoTextError: something in it has none.
    """
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            left += (*each.keys(), *each.values())
        elif isinstance(each, (list, tuple)):
            left += each
        elif not isinstance(each, _WITH_TEXT):
            raise NoTextError(each)
    return value


def demanding(filters: dict[str, Any]) -> dict[str, Any]:
    """Return `filters` so that those which make texts take only what has one."""
    demanding = {
        name: function if name in _PASSING else _demanding(function)
        for name, function in filters.items()
    }
    return {**demanding, "join": _join, "urlencode": _listed(demanding["urlencode"])}


def _demanding(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def filtered(*given: Any, **named: Any) -> Any:
        # The first may be what jinja2 hands to a filter by itself.
        printable((*given[hasattr(function, "jinja_pass_arg") :], *named.values()))
        return function(*given, **named)

    return filtered


def _listed(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def filtered(value: Any) -> Any:
        return function(listed(value))

    return filtered


def listed(value: Any) -> Any:
    """Return what makes a text of its elements, one by one, as a list of them."""
    is_one = isinstance(value, (*_WITH_TEXT, bytes, dict)) or not hasattr(value, "__iter__")
    return value if is_one else list(value)


@pass_eval_context
def _join(
    context: EvalContext, value: Iterable[Any], d: str = "", attribute: str | int | None = None
) -> str:
    # An attribute can be a method, of whose text nobody would ask before.
    if attribute is not None:
        value = map(make_attrgetter(context.environment, attribute), value)
    return sync_do_join(context, printable([*value]), printable(d))


class Formatter(SandboxedFormatter):
    """What `format` of a text fills in, attributes of what it is given included."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        """The value of a field. Raises NoTextError where it has no text."""
        value, first = super().get_field(field_name, args, kwargs)
        return printable(value), first


class MarkupFormatter(Formatter, EscapeFormatter):
    """The same, of a text that is HTML."""
