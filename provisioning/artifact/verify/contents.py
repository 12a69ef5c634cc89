"""Knows how a difference between a manifest and what was found is told."""

from __future__ import annotations

import hashlib
import io
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.codec import READERS
from provisioning.artifact.filesystem import MIB, HashedReader, of_bytes
from provisioning.artifact.model import canonical, manifest
from provisioning.artifact.model.entry import FILE, MANIFEST, RESERVED, shown
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.chunking import Chunk, Index, Whole, tar_digest
from provisioning.artifact.tar.ustar import BLOCK, EPOCH, STRANGE, read_members
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from io import FileIO

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.tar.ustar import Member

    Members = Iterator[tuple[Member, Iterator[bytes]]]
    Write = Callable[[Entry, Iterable[bytes]], object]


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


_BUFFER = 256 * 1024
_PREAMBLE_LIMIT = canonical.LIMIT + 16 * BLOCK  # bytes of tar before a manifest is known
PREAMBLE = ["", f"{RESERVED}/", MANIFEST]
"""What comes first, below the top directory."""
NO_MANIFEST = "does not begin with a manifest: this tool did not make it"
STRANGE_MANIFEST = f"{MANIFEST}: does not lie in the archive as it should"


class Reading:
    """One pass over an archive, from its first byte to its last.

    Raises ArtifactError, here and later, where the archive is damaged or not of this format. At
    most `most_chunks` chunks are remembered, and one more: as telling as a million.
    """

    def __init__(self, file: FileIO, codec: str = "gzip", most_chunks: int = 0) -> None:
        self._chunks: list[Chunk] = []
        self._most_chunks = most_chunks
        self._packed = HashedReader(file)
        self.codec = codec
        self._unpacked = READERS[codec](self._packed, _PREAMBLE_LIMIT, self._keep)
        self._members = read_members(io.BufferedReader(self._unpacked, _BUFFER))
        self.data, self.manifest, self.spelling = _read_preamble(self._members)
        self._unpacked.limit = _tar_limit(self.data, self.manifest)

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        """Hold all that follows the manifest against it, and read on to the archive's end.

        `write` is handed each file that is listed, with its content, in order; what it has
        written by the time that it is called again is right, or a finding came first.
        """
        checklist = Checklist(self.manifest)
        for member, content in self._members:
            entry = yield from checklist.match(member.name)
            if entry is None:
                continue
            wanted = self.spelling.member(entry)
            if member != wanted:
                yield from differences(member, entry, mode=wanted.mode)
            if member.mtime != wanted.mtime:
                raise ArtifactError(f"{shown(member.name)}: {STRANGE}")
            if member.type == FILE:
                yield from content_difference(digested(entry, content, write), member, entry)
        yield from checklist.missing()

    def whole(self, name: str) -> Whole:
        """Tell what the archive is, once all findings have been asked for."""
        index = self._index(name)
        return Whole(self.data, self.manifest.package, index.digest, index)

    def _index(self, name: str) -> Index:
        return Index(
            name,
            self._packed.size,
            self._packed.hexdigest(),
            self._unpacked.tar_size,
            tar_digest(self._chunks),
            of_bytes(self.data),
            self.codec,
            tuple(self._chunks),
        )

    def _keep(self, chunk: Chunk) -> None:
        if len(self._chunks) <= self._most_chunks:
            self._chunks.append(chunk)


def _read_preamble(members: Members) -> tuple[bytes, Manifest, archive.Posix]:
    """Read the manifest; the time that it bears tells which times files have."""
    found, data = [], b""
    for member, content in islice(members, len(PREAMBLE)):
        if member.size > canonical.LIMIT:
            break
        found.append(member)
        data = b"".join(content)
    if [member.name.partition("/")[2] for member in found] != PREAMBLE:
        raise ArtifactError(NO_MANIFEST)
    parsed = manifest.parse(data, MANIFEST)
    name, by_content = parsed.package.name, found[-1].mtime != EPOCH
    if tuple(found) != archive.preamble(data, name, by_content=by_content):
        raise ArtifactError(STRANGE_MANIFEST)
    return data, parsed, archive.Posix(name, by_content=by_content)


def _tar_limit(data: bytes, parsed: Manifest) -> int:
    # The headers of an entry say no more than its line in the manifest does, in at most three
    # blocks that are not full. The MiB is room for what is not listed: better named than cut off.
    headers = 2 * len(data) + 4 * BLOCK * len(parsed.entries)
    return headers + len(data) + sum(entry.size for entry in parsed.entries) + MIB


def digested(entry: Entry, content: Iterator[bytes], write: Write | None) -> str:
    """Digest a content of any size, on its way to `write`."""
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
