"""Caches in SQLite files, and values as JSON by their types; losing one costs time alone."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from provisioning.artifact import filesystem

if TYPE_CHECKING:
    from pathlib import Path

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


_VERSION = 4  # raise it when rows get another meaning
_WAIT_SECONDS = 60  # for another process that is writing its own rows

_complained: set[Path] = set()  # which cannot be written, as this process has reported


class Cache:
    """One table in the file `path`; `columns` are its columns, the first its key.

    Every call opens a connection of its own, because a connection must not cross a fork and
    doit forks. A file that is damaged, or no database at all, is removed and begun afresh.
    """

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.path = path
        self._columns = columns
        self.has_failed = False
        """Whether something could not be written, which was reported."""

    def state(self) -> tuple[int, int, int] | None:
        """A value that changes whenever another process has written; None if there is no file."""
        with suppress(OSError):
            status = self.path.stat()
            return status.st_ino, status.st_size, status.st_mtime_ns
        return None

    def rows(self) -> list[tuple[Any, ...]]:
        """All rows; none where the file is missing or damaged."""
        return self._query("select * from cache", ())

    def rows_below(self, directory: str) -> list[tuple[Any, ...]]:
        """The rows of the paths below a directory (with its slash); none as with `rows`."""
        key = self._columns[0]
        query = f"select * from cache where {key} >= ? and {key} < ?"  # noqa: S608 - not input
        return self._query(query, (directory, directory[:-1] + chr(ord("/") + 1)))

    def row(self, key: str) -> tuple[Any, ...] | None:
        """The row of `key`; None where there is none or the file is missing or damaged."""
        query = f"select * from cache where {self._columns[0]} = ?"  # noqa: S608 - not input
        return next(iter(self._query(query, (key,))), None)

    def put(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add `rows`, replacing those of the same key, all or none."""
        marks = ", ".join("?" * len(self._columns))
        statement = f"insert or replace into cache values ({marks})"  # noqa: S608 - not input
        self._write(statement, list(rows))

    def remove(self, keys: Iterable[str]) -> None:
        """Remove the rows of `keys`, all or none."""
        if self.path.exists():
            statement = f"delete from cache where {self._columns[0]} = ?"  # noqa: S608 - not input
            self._write(statement, [(key,) for key in keys])

    def discard(self) -> None:
        """Remove the file, and the journal of a writer that was killed."""
        for name in (self.path.name, f"{self.path.name}-journal"):
            self.path.with_name(name).unlink(missing_ok=True)

    def _query(self, statement: str, parameters: tuple[str, ...]) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []  # looking makes no file
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS)) as connection:
                _demand_version(connection)
                return connection.execute(statement, parameters).fetchall()
        except sqlite3.OperationalError:
            return []  # no table yet, locked, or no permission: nothing is wrong with the file
        except sqlite3.DatabaseError:  # guard: damaged-cache-read
            with suppress(OSError):
                self.discard()
            return []

    def _write(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        try:
            # It holds values that are nobody else's business.
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._execute(statement, rows)
        except (sqlite3.Error, OSError) as error:
            # The build itself reports a disk that fails; a cache that fails only costs time.
            if not self.has_failed and (path := self.path.absolute()) not in _complained:
                _complained.add(path)
                why = getattr(error, "strerror", None) or error
                print(
                    f"{self.path}: cannot be written, so the next run is slower: {why}",
                    file=sys.stderr,
                )
            self.has_failed = True

    def _execute(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        try:
            with closing(self._connect()) as connection, connection:
                connection.executemany(statement, rows)
        except sqlite3.OperationalError:
            raise  # locked, full or read-only: a new file would not help
        except sqlite3.DatabaseError:  # guard: damaged-cache-opened
            self.discard()
            with closing(self._connect()) as connection, connection:
                connection.executemany(statement, rows)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS)
        columns = ", ".join((f"{self._columns[0]} primary key", *self._columns[1:]))
        try:
            # A power cut may cost this file, which is noticed; waiting for the disk costs always.
            connection.execute("pragma synchronous = off")
            # What is replaced may have been a value that has become a secret since.
            connection.execute("pragma secure_delete = on")
            _demand_version(connection)
            connection.execute(f"create table if not exists cache ({columns}) without rowid")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _demand_version(connection: sqlite3.Connection) -> None:
    """Give a new file its version; treat one of another version as damaged."""
    (version,) = connection.execute("pragma user_version").fetchone()
    if version == _VERSION:
        return
    if connection.execute("select 1 from sqlite_master").fetchone():
        raise sqlite3.DatabaseError(f"version {version} is not {_VERSION}")  # guard: cache-version
    connection.execute(f"pragma user_version = {_VERSION}")


class Note(NamedTuple):
    """A document, and the digest of its spelling: equal for equal documents."""

    document: Any
    digest: str


class Notes:
    """Documents by name, in the file `path`."""

    def __init__(self, path: Path) -> None:
        self._cache = Cache(path, ("name", "digest", "text"))
        self._rows: dict[str, list[Any]] | None = None

    def get(self, name: str) -> Note | None:
        """What was put, if it is undamaged."""
        if self._rows is None:
            # They are few, and rarely needed alone.
            self._rows = {name: rest for name, *rest in self._cache.rows()}
        known, text = self._rows.get(name, ("", ""))
        return (
            Note(json.loads(text), known) if known == filesystem.of_bytes(text.encode()) else None
        )

    def put(self, name: str, document: Any) -> None:
        """Remember `document`, which must be JSON."""
        self._rows = None
        text = _spelled(document)
        self._cache.put([(name, filesystem.of_bytes(text.encode()), text)])

    def forget(self, name: str) -> None:
        """Remove a note, so that nothing of it is left in the file."""
        self._rows = None
        if self._cache.row(name) is not None:
            self._cache.remove([name])


def digest_of(document: Any) -> str:
    """The digest that a note of `document` would have."""
    return filesystem.of_bytes(_spelled(document).encode())


def _spelled(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))
