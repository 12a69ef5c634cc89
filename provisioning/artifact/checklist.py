"""Knows which entry of a manifest a member of an archive stands for, and which have not come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from provisioning.artifact.entry import Entry
    from provisioning.artifact.manifest import Manifest


class Checklist:
    """The entries of a manifest, each of which has to come once, in order."""

    def __init__(self, manifest: Manifest) -> None:
        self._prefix = f"{manifest.package.name}/"
        self._missing = {entry.path: entry for entry in manifest.entries}
        self._listed = frozenset(self._missing)
        self._last = ""

    def match(self, name: str) -> Generator[Finding, None, Entry | None]:
        """Tell what is wrong with a member's name, and which entry has it."""
        if not name.startswith(self._prefix):
            yield Finding(name, f"lies outside {self._prefix}")
            return None
        path = name[len(self._prefix) :].rstrip("/") or name
        entry = self._missing.pop(path, None)
        if entry is None:
            again = "is in the archive twice" if path in self._listed else "is not in the manifest"
            yield Finding(path, again)
            return None
        if path < self._last:
            yield Finding(path, "is out of order in the archive")
        self._last = path
        return entry

    def missing(self) -> Iterator[Finding]:
        """Tell what has not come, at the end."""
        for path in self._missing:
            yield Finding(path, "is missing from the archive")
