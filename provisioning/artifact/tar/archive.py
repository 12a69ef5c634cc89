"""The members of a package's archive: their names, modification times and order.

Tools that compare sizes and times alone (rsync, Python's .pyc, an HTTP server's ETag) would not
notice a change that keeps the size if all files had the same time. So a file's time can be derived
from its content. No clock is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from provisioning.artifact import filesystem
from provisioning.artifact.model.entry import DIR, FILE, MANIFEST, RESERVED, Entry, carried
from provisioning.artifact.tar import chunking, ustar
from provisioning.artifact.tar.ustar import EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_SPAN = 20 * 365 * 24 * 3600  # seconds: from EPOCH on, and never in the future


def mtime_of_content(entry: Entry) -> int:
    """The time of a file, in seconds, derived from its content; else EPOCH.

    A file's is never EPOCH, by which readers see whether times depend on contents: not even in a
    zip, which halves it.
    """
    if entry.type != FILE:
        return EPOCH
    return EPOCH + max(2, int(entry.digest[:16], 16) % _SPAN)  # guard: time-of-content


def reserved(manifest: bytes) -> tuple[Entry, Entry]:
    """The entries that are not in the manifest: the manifest itself, and its directory."""
    return (
        Entry(RESERVED, DIR, 0o755, "root", "root"),
        Entry(MANIFEST, FILE, 0o644, "root", "root", len(manifest), filesystem.of_bytes(manifest)),
    )


def top(name: str) -> ustar.Member:
    """The top directory in an archive of the package `name`."""
    return ustar.Member(f"{name}/", DIR, 0o755, "root", "root")


def preamble(manifest: bytes, name: str, *, by_content: bool = False) -> tuple[ustar.Member, ...]:
    """The first members of an archive of the package `name`; the last is the manifest."""
    entries = reserved(manifest)
    return (top(name), *(member(entry, name, by_content=by_content) for entry in entries))


def member(entry: Entry, name: str, *, by_content: bool = False) -> ustar.Member:
    """The member for an entry in an archive of the package `name`.

    `by_content`: files have modification times derived from their contents.
    """
    slash = "/" if entry.type == DIR else ""
    return ustar.Member(
        f"{name}/{entry.path}{slash}",
        entry.type,
        carried(entry.mode, entry.owner, entry.group),
        entry.owner,
        entry.group,
        entry.size,
        entry.link,
        # guard: time-of-a-tar-member
        mtime_of_content(entry) if by_content else ustar.EPOCH,
    )


def chunks(manifest: bytes, entries: Sequence[Entry], name: str, codec: str) -> Iterator[int]:
    """The length in bytes of tar of each chunk of an archive, computed from its manifest."""
    spelling, level = Posix(name), chunking.LEVEL_OF[codec]
    yield len(spelling.preamble(manifest)) + len(manifest) + ustar.padding(len(manifest))
    lengths = list(map(spelling.length, entries))
    paths = [entry.path for entry in entries]
    cut = list(chunking.boundaries(zip(paths, lengths)))
    groups = [(paths[some.stop - 1], sum(lengths[some])) for some in cut]
    for some in chunking.joined(groups, level):
        length = sum(length for _, length in groups[some])
        yield from (each.stop - each.start for each in chunking.pieces(length, level))
    yield len(ustar.END)


class Spelling(Protocol):
    """How a tar encodes the entries of a package."""

    @property
    def key(self) -> str:
        """What a header depends on besides its entry."""

    def header(self, entry: Entry) -> bytes:
        """The bytes of tar that precede an entry's content."""

    def length(self, entry: Entry) -> int:
        """How many bytes of tar an entry takes: header, content and padding."""

    def preamble(self, manifest: bytes) -> bytes:
        """The bytes of tar that precede those of a manifest, which come first."""


class Posix:
    """The encoding of a POSIX tar, with all entries in the directory `NAME/`.

    `by_content`: files have modification times derived from their contents; no length depends on
    it.
    """

    def __init__(self, name: str, *, by_content: bool = False) -> None:
        self._name, self._by_content = name, by_content
        self.key = f"posix {by_content} {name}"
        self._short = ustar.LONGEST_NAME - len(name) - 1

    def header(self, entry: Entry) -> bytes:
        """See Spelling."""
        path, kind, mode, owner, group, size, *_ = entry
        if kind == FILE and self.length_of_file(path, size):
            # guard: header-by-content
            numbers = size, mtime_of_content(entry) if self._by_content else ustar.EPOCH
            mode = carried(mode, owner, group)
            return ustar.file_header(f"{self._name}/{path}", mode, owner, group, numbers)
        return ustar.header(self.member(entry))

    def member(self, entry: Entry) -> ustar.Member:
        """The member for an entry."""
        return member(entry, self._name, by_content=self._by_content)

    def length(self, entry: Entry) -> int:
        """See Spelling."""
        if entry.type == FILE and (length := self.length_of_file(entry.path, entry.size)):
            return length
        return ustar.length(member(entry, self._name))

    def length_of_file(self, path: str, size: int) -> int:
        """The bytes of tar that an ordinary file takes; 0 if that depends on more."""
        # Nearly every entry there is: a name and a size that need no more than one block.
        if len(path) <= self._short and path.isascii() and size <= ustar.LARGEST_SIZE:
            return ustar.BLOCK + size + -size % ustar.BLOCK
        return 0

    def preamble(self, manifest: bytes) -> bytes:
        """See Spelling."""
        begin = preamble(manifest, self._name, by_content=self._by_content)
        return b"".join(map(ustar.header, begin))
