"""Knows how a difference between a manifest and what was found is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.entry import FILE
from provisioning.artifact.path import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.entry import Entry
    from provisioning.artifact.tar import Member


class Finding(NamedTuple):
    """Something that is not as it should be, and where."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.message}"


def differences(
    found: Entry | Member, entry: Entry, *, owners: bool = True, mode: int | None = None
) -> Iterator[Finding]:
    """Hold what was found against an entry, all but the content; without owners unless `owners`.

    Its `mode` may have to be another: see `lent`. A wrong type is one finding: nothing else would
    be comparable.
    """
    if found.type != entry.type:
        yield _finding(entry, "type", found.type, entry.type)
        return
    wanted = entry.mode if mode is None else mode
    if found.mode == entry.mode != wanted:
        yield Finding(entry.path, f"mode {found.mode:04o}, an archive has {wanted:04o} for it")
    elif found.mode != wanted:
        yield _finding(entry, "mode", f"{found.mode:04o}", f"{entry.mode:04o}")
    for key in ("owner", "group") if owners else ():
        if getattr(found, key) != getattr(entry, key):
            yield _finding(entry, key, getattr(found, key), getattr(entry, key))
    if found.size != entry.size:
        yield _finding(entry, "size", str(found.size), str(entry.size))
    if found.link != entry.link:
        yield _finding(entry, "link", shown(found.link), shown(entry.link))


def content_difference(digest: str, found: Entry | Member, entry: Entry) -> Iterator[Finding]:
    """Hold the digest of a file's content against an entry; its size has been told already."""
    if digest != entry.digest and (found.type, found.size) == (FILE, entry.size):
        yield _finding(entry, "sha256", f"{digest[:16]}…", f"{entry.digest[:16]}…")


def _finding(entry: Entry, key: str, found: str, says: str) -> Finding:
    return Finding(entry.path, f"{key} {found}, the manifest says {says}")
