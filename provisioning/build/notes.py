"""Knows how to remember JSON between runs so that damage is noticed and costs only time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact import digest
from provisioning.build.cache import Cache

if TYPE_CHECKING:
    from pathlib import Path


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
            # They are few, and whoever needs one needs the next.
            self._rows = {name: rest for name, *rest in self._cache.rows()}
        known, text = self._rows.get(name, ("", ""))
        return Note(json.loads(text), known) if known == digest.of_bytes(text.encode()) else None

    def put(self, name: str, document: Any) -> None:
        """Remember `document`, which must be JSON."""
        self._rows = None
        text = _spelled(document)
        self._cache.put([(name, digest.of_bytes(text.encode()), text)])

    def forget(self, name: str) -> None:
        """Remove a note, so that nothing of it is left in the file."""
        self._rows = None
        if self._cache.row(name) is not None:
            self._cache.remove([name])


def digest_of(document: Any) -> str:
    """The digest that a note of `document` would have."""
    return digest.of_bytes(_spelled(document).encode())


def _spelled(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))
