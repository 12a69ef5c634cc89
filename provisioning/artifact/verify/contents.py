"""Compares what an artifact holds with its manifest, and words the differences as findings."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import FILE, MANIFEST, RESERVED, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.tar.ustar import Member

    Write = Callable[[Entry, Iterable[bytes]], object]


PREAMBLE = ["", f"{RESERVED}/", MANIFEST]
"""The names of the first members, below the top directory."""
NO_MANIFEST = "does not begin with a manifest: this tool did not make it"
STRANGE_MANIFEST = f"{MANIFEST}: is not where it should be in the archive"


class Finding(NamedTuple):
    """Something that is not as it should be, and where."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.message}"


def differences(
    found: Entry | Member, entry: Entry, *, owners: bool = True, mode: int | None = None
) -> Iterator[Finding]:
    """Compare what was found with an entry, all but the content; owners only if `owners`.

    `mode` is what it must be if not that of the entry: see `carried`. A wrong type is one finding:
    nothing else would be comparable.
    """
    if found.type != entry.type:  # guard: type-in-a-directory
        yield _finding(entry, "type", found.type, entry.type)
        return
    wanted = entry.mode if mode is None else mode
    if found.mode == entry.mode != wanted:
        yield Finding(entry.path, f"mode {found.mode:04o}, an archive has {wanted:04o} for it")
    elif found.mode != wanted:  # guard: mode-that-differs
        yield _finding(entry, "mode", f"{found.mode:04o}", f"{entry.mode:04o}")
    for key in ("owner", "group") if owners else ():
        if getattr(found, key) != getattr(entry, key):
            yield _finding(entry, key, getattr(found, key), getattr(entry, key))
    if found.size != entry.size:
        yield _finding(entry, "size", str(found.size), str(entry.size))
    if found.link != entry.link:  # guard: link-in-a-directory
        yield _finding(entry, "link", shown(found.link), shown(entry.link))


def content_difference(digest: str, found: Entry | Member, entry: Entry) -> Iterator[Finding]:
    """Compare the digest of a file's content with an entry; its size has been compared already."""
    # guard: digest-of-a-member
    if digest != entry.digest and (found.type, found.size) == (FILE, entry.size):
        yield _finding(entry, "sha256", f"{digest[:16]}…", f"{entry.digest[:16]}…")


def _finding(entry: Entry, key: str, found: str, says: str) -> Finding:
    return Finding(entry.path, f"{key} {found}, the manifest says {says}")


class Checklist:
    """Checks that each entry of a manifest comes once, in order."""

    def __init__(self, manifest: Manifest) -> None:
        self._prefix = f"{manifest.package.name}/"
        self._missing = {entry.path: entry for entry in manifest.entries}
        self._listed = frozenset(self._missing)
        self._last = ""

    def match(self, name: str) -> Generator[Finding, None, Entry | None]:
        """Find the entry of a member; yield what is wrong with its name."""
        if not name.startswith(self._prefix):  # guard: top-directory
            yield Finding(name, f"lies outside {self._prefix}")
            return None
        path = name[len(self._prefix) :].rstrip("/") or name
        entry = self._missing.pop(path, None)
        if entry is None:
            again = "is in the archive twice" if path in self._listed else "is not in the manifest"
            yield Finding(path, again)  # guard: strange-members
            return None
        if path < self._last:  # guard: members-in-order
            yield Finding(path, "is out of order in the archive")
        self._last = path
        return entry

    def missing(self) -> Iterator[Finding]:
        """The entries that have not come, at the end."""
        for path in self._missing:  # guard: missing-members
            yield Finding(path, "is missing from the archive")


def digested(entry: Entry, content: Iterator[bytes], write: Write | None) -> str:
    """Digest a content of any size while it is passed to `write`."""
    sha256 = hashlib.sha256()
    hashed = _hashed(content, sha256)
    if write:
        write(entry, hashed)
    for _ in hashed:
        pass
    return sha256.hexdigest()


def _hashed(content: Iterator[bytes], sha256: hashlib._Hash) -> Iterator[bytes]:
    for block in content:
        sha256.update(block)
        yield block
