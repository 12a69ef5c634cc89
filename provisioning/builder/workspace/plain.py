"""Converts values to JSON and back by their types, so that a cache need not list any fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
_Read: TypeAlias = "Callable[[Any], Any] | None"


def to_plain(value: Any) -> Any:
    """Tuples, dataclasses, sets and maps as lists and maps for JSON; fields in their order."""
    if isinstance(value, tuple | list):
        return [to_plain(each) for each in value]
    if is_dataclass(value):
        return [to_plain(getattr(value, each.name)) for each in fields(value)]
    if isinstance(value, Mapping):
        return {name: to_plain(each) for name, each in value.items()}
    return sorted(value) if isinstance(value, frozenset) else value


def from_plain(kind: type[T], plain: Any) -> T:
    """The value of this type that `to_plain` turned into `plain`."""
    read = _reader(kind)  # type: ignore[arg-type]  # a type is hashable
    value: T = read(plain) if read else plain
    return value


@cache
def _reader(kind: Any) -> _Read:
    """Makes values of this type; None if JSON preserves them."""
    if hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        return _of_fields([hints[name] for name in kind._fields], kind._make)
    if is_dataclass(kind):
        hints, make = get_type_hints(kind), cast("Callable[..., Any]", kind)
        names = [each.name for each in fields(kind)]
        types = [hints[name] for name in names]
        return _of_fields(types, lambda values: make(**dict(zip(names, values, strict=True))))
    outer, inner = get_origin(kind), get_args(kind)
    if outer in {Union, UnionType} and NoneType in inner:
        (some,) = (_reader(each) for each in inner if each is not NoneType)
        return some and (lambda plain: None if plain is None else some(plain))
    return _reader_of_many(outer, inner)


def _reader_of_many(outer: Any, inner: tuple[Any, ...]) -> _Read:
    if outer is frozenset:
        return frozenset
    if outer is tuple and inner[-1] is not Ellipsis:
        return _of_fields(inner, tuple)
    each = _reader(inner[0 if outer is tuple else -1]) if outer in {tuple, dict} else None
    if outer is tuple:
        return (lambda plain: tuple(map(each, plain))) if each else tuple
    return each and (lambda plain: {name: each(value) for name, value in plain.items()})


def _of_fields(types: Iterable[Any], make: Callable[[list[Any]], Any]) -> _Read:
    """Converts the fields that JSON does not preserve, and makes a value of all fields."""
    readers = [(at, read) for at, kind in enumerate(types) if (read := _reader(kind))]

    def whole(plain: list[Any]) -> Any:
        values = [*plain]
        for at, read in readers:
            values[at] = read(values[at])
        return make(values)

    return whole
