"""Compares an artifact or a directory with its manifest, and describes the differences."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from provisioning.artifact import filesystem
from provisioning.artifact.bytecode import Beside, ways
from provisioning.artifact.filesystem import Descent, read_bounded, reason
from provisioning.artifact.model import canonical, manifest
from provisioning.artifact.model.entry import (
    DIR,
    FILE,
    LENT,
    LINK,
    MANIFEST,
    RESERVED,
    TYPES,
    Entry,
    shown,
)
from provisioning.artifact.tar.archive import reserved
from provisioning.artifact.tar.chunking import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.tar.archive import Member
    from provisioning.artifact.tar.chunking import Index

    Write = Callable[[Entry, Iterable[bytes]], object]
    Item = os.DirEntry[str]

PREAMBLE = ["", f"{RESERVED}/", MANIFEST]
"""The names of the first members, below the top directory."""
NO_MANIFEST = "does not begin with a manifest: this tool did not make it"
STRANGE_MANIFEST = f"{MANIFEST}: is not where it should be in the archive"


class Finding(NamedTuple):
    """One difference from the manifest: where, and what."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.message}"


def differences(
    found: Entry | Member, entry: Entry, *, owners: bool = True, mode: int | None = None
) -> Iterator[Finding]:
    """Compare what was found with an entry, except the content; owners only if `owners`.

    `mode` is the required mode if it is not the entry's: see `carried`. A wrong type is one
    finding: nothing else would be comparable.
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
        """The entries that are missing at the end."""
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


_T = TypeVar("_T")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_manifest(root: Path) -> tuple[bytes, Manifest]:
    """Read the manifest of the package that lies in `root`. Raises ArtifactError and OSError."""
    data = read_bounded(root / MANIFEST, canonical.LIMIT)
    return data, manifest.parse(data, MANIFEST)


class Comparison(NamedTuple):
    """The differences between a directory and a manifest."""

    findings: tuple[Finding, ...]
    """The differences."""
    byte_code: tuple[str, ...]
    """Files and directories of byte code that Python has left, which are not differences."""


def compare(parsed: Manifest, root: Path) -> Comparison:
    """Compare what `extract` wrote into `root` with the manifest, except the owners.

    No link is followed, and nothing is written. What cannot be read is a finding.
    """
    return compare_entries((*reserved(manifest.dump(parsed)), *parsed.entries), root)


def compare_entries(
    entries: Sequence[Entry], root: Path, *, owners: bool | None = None
) -> Comparison:
    """Compare what lies in `root` with `entries`, whose owners are numbers if `owners`.

    If `owners` is None, somebody unpacked it, and setuid and setgid may be missing.
    """
    findings: list[Finding] = []
    found = {entry.path: entry for entry in _walk(root, _entry, findings)}
    closed = tuple(f"{each.path}/" for each in findings)
    for entry in entries:
        actual = found.pop(entry.path, None)
        if actual is None:
            if not entry.path.startswith(closed):  # whose contents are unknown
                findings.append(Finding(entry.path, "is missing"))  # guard: missing-in-tree
            continue
        fewer = owners is None and actual.mode | (entry.mode & LENT) == entry.mode
        mode = actual.mode if fewer else None
        findings += differences(actual, entry, owners=bool(owners), mode=mode)
        if (actual.type, actual.size) == (FILE, entry.size):
            findings += _content_difference(root, actual, entry)
    strange, byte_code = _unlisted(root, found.values(), entries)
    return Comparison(tuple(sorted((*findings, *strange))), byte_code)


def holds(root: Descent, entries: Iterable[Entry]) -> bool:
    """Whether `compare` would find no difference in `entries` below `root`, in less time.

    Raises OSError for what is missing, or of another type.
    """
    for entry in entries:
        parent, name = root.to(entry.path)
        if not _FITS[entry.type](parent, name, entry):
            return False
    return True


def remove(root: Descent, entries: Iterable[Entry]) -> None:
    """Remove `entries`, a directory only if nothing else is in it.

    Raises OSError for what is missing, of another type, or not empty.
    """
    for entry in entries:
        parent, name = root.to(entry.path)
        take = os.rmdir if entry.type == DIR else os.unlink
        try:
            take(name, dir_fd=parent)
        except PermissionError:  # the package has a directory of such a mode
            os.fchmod(parent, 0o700)
            take(name, dir_fd=parent)


def _file_fits(parent: int, name: str, entry: Entry) -> bool:
    descriptor = os.open(name, _READ, dir_fd=parent)
    try:
        status = os.fstat(descriptor)
        if (status.st_mode, status.st_size) != (stat.S_IFREG | entry.mode, entry.size):
            return False
        # No more than its size: allocating a MiB can take longer than everything else.
        block = os.read(descriptor, min(entry.size, filesystem.MIB))
        sha256, left = hashlib.sha256(block), entry.size - len(block)
        while left > 0 and (block := os.read(descriptor, filesystem.MIB)):
            sha256.update(block)
            left -= len(block)
        return sha256.hexdigest() == entry.digest
    finally:
        os.close(descriptor)


def _directory_fits(parent: int, name: str, entry: Entry) -> bool:
    return os.lstat(name, dir_fd=parent).st_mode == stat.S_IFDIR | entry.mode


def _link_fits(parent: int, name: str, entry: Entry) -> bool:
    return os.readlink(name, dir_fd=parent) == entry.link


_FITS = {FILE: _file_fits, DIR: _directory_fits, LINK: _link_fits}


def _walk(root: Path, look: Callable[[Item, str], _T], findings: list[Finding]) -> Iterator[_T]:
    below = [""]
    while below:
        directory = below.pop()
        try:
            with os.scandir(root / directory) as items:
                for item in items:
                    path = f"{directory}/{item.name}" if directory else item.name
                    yield look(item, path)
                    if item.is_dir(follow_symlinks=False):  # guard: tree-follows-no-link
                        below.append(path)
        except OSError as error:
            findings.append(Finding(directory or str(root), f"cannot be read: {reason(error)}"))


def unlisted(root: Path, entries: Sequence[Entry]) -> Iterator[Finding]:
    """What lies below `root` that is not among `entries`, and what cannot be read."""
    findings: list[Finding] = []
    listed = {entry.path for entry in entries}
    found = [each for each in _walk(root, _kind, findings) if each.path not in listed]
    yield from _unlisted(root, found, entries)[0]
    yield from findings


def _unlisted(
    root: Path, found: Iterable[Entry], entries: Iterable[Entry]
) -> tuple[list[Finding], tuple[str, ...]]:
    """Split unlisted paths into those that should not be there and Python's byte code.

    The links of a release to its own byte code are neither.
    """
    found = tuple(found)
    name = os.path.basename(os.path.realpath(root))
    own = ways(entries, name) if found else {}  # guard: own-byte-code
    found = [each for each in found if each.type != LINK or own.get(each.path) != each.link]
    beside = Beside(entries) if found else ()  # guard: byte-code-beside
    # guard: strange-in-a-directory
    strange = [Finding(each.path, "is not in the manifest") for each in found if each not in beside]
    return strange, tuple(sorted(each.path for each in found if each in beside))


def entry_of(path: str, status: os.stat_result, link: str) -> Entry:
    """What is at `path`, except the content of a file; owners are numbers."""
    kind = TYPES.get(stat.S_IFMT(status.st_mode), "unknown")
    return Entry(
        path,
        kind,
        0o777 if kind == LINK else stat.S_IMODE(status.st_mode),  # a link has its system's mode
        str(status.st_uid),
        str(status.st_gid),
        status.st_size if kind == FILE else 0,
        link=link,
    )


def _entry(item: Item, path: str) -> Entry:
    link = os.readlink(item.path) if item.is_symlink() else ""
    return entry_of(path, item.stat(follow_symlinks=False), link)


def _kind(item: Item, path: str) -> Entry:
    """What is at `path`, as far as one system call tells; of a link also its target."""
    if item.is_symlink():
        return Entry(path, LINK, 0, "", "", link=os.readlink(item.path))
    is_directory = item.is_dir(follow_symlinks=False)
    kind = DIR if is_directory else FILE if item.is_file(follow_symlinks=False) else ""
    return Entry(path, kind, 0, "", "")


def _content_difference(root: Path, actual: Entry, entry: Entry) -> Iterator[Finding]:
    try:
        yield from content_difference(filesystem.of_file(root / entry.path), actual, entry)
    except OSError as error:
        yield Finding(entry.path, f"cannot be read: {reason(error)}")


class DirectoryReader:
    """Reads the directory of a package like an artifact: see formats.Reader.

    Modes and owners are not compared: they depend on who unpacked it. No link is followed. Raises
    ArtifactError and OSError.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.data, self.manifest = read_manifest(root)

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        """See Reader."""
        entries = (*reserved(self.data), *self.manifest.entries)
        yield from unlisted(self._root, entries)
        with Descent(self._root) as descent:
            for entry in self.manifest.entries:
                try:
                    yield from _findings(descent, entry, write)
                except FileNotFoundError:
                    yield Finding(entry.path, "is missing")
                except OSError as error:
                    yield Finding(entry.path, f"cannot be read: {reason(error)}")

    def summary(self, name: str) -> Summary:
        """See Reader."""
        del name
        return Summary(self.data, self.manifest.package, filesystem.of_bytes(self.data), None)

    def prover(self, says: Index | None) -> None:
        """See Reader."""
        del says


def _findings(descent: Descent, entry: Entry, write: Write | None) -> Iterator[Finding]:
    parent, name = descent.to(entry.path)
    status = os.lstat(name, dir_fd=parent)
    link = os.readlink(name, dir_fd=parent) if stat.S_ISLNK(status.st_mode) else ""
    found = entry_of(entry.path, status, link)._replace(mode=entry.mode)
    different = tuple(differences(found, entry, owners=False))
    yield from different
    if entry.type == FILE and not different:
        descriptor = os.open(name, _READ, dir_fd=parent)
        try:
            digest = digested(entry, _blocks(descriptor, entry.size), write)
        finally:
            os.close(descriptor)
        yield from content_difference(digest, found, entry)


def _blocks(descriptor: int, left: int) -> Iterator[bytes]:
    while left > 0 and (block := os.read(descriptor, min(left, filesystem.MIB))):
        left -= len(block)
        yield block
