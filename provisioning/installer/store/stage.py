"""Opens what is to be installed, and writes it as a new release, synced and read back."""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import contents, filesystem
from provisioning.artifact.contents import DirectoryReader
from provisioning.artifact.extract import TreeWriter
from provisioning.artifact.filesystem import Descent, open_regular, read_bounded, reason
from provisioning.artifact.formats import DEB, format_of, reader
from provisioning.artifact.model import canonical
from provisioning.artifact.model.entry import FILE, MANIFEST, shown
from provisioning.artifact.model.placement import RELEASES, stored
from provisioning.artifact.model.release import artifacts, index_name, is_tree
from provisioning.artifact.process_pool import Team
from provisioning.artifact.tar.archive import mtime_of_content
from provisioning.artifact.verification import Sidecars, demand_signed
from provisioning.errors import ArtifactError, RefusedError, TargetError
from provisioning.installer.store.durable import Owned, settle, sync_below
from provisioning.installer.store.owners import can_give

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import FileIO
    from pathlib import Path

    from provisioning.artifact.contents import Write
    from provisioning.artifact.formats import Prove, Reader
    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.signature.signed_release import SignedRelease, Trust
    from provisioning.artifact.tar.chunking import Index, Summary
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

    Progress = Callable[[int], object]


class PackageSource(NamedTuple):
    """What is to be installed, opened once, so that nobody can exchange it meanwhile."""

    where: str
    reader: Reader
    says: Index | None = None
    """The index beside it."""
    prover: Prove | None = None
    opened_again: Callable[[], Reader] | None = None
    """Reads it from its beginning; None if `reader` can."""
    signed: SignedRelease | None = None
    """What a trusted key has signed of it, where keys are trusted."""

    def read(self, write: Write) -> None:
        """Hand all its files to `write`, and read it to its end. Can be called again.

        Raises:
            RefusedError: it is not what its manifest says, or its index.
            TargetError: it cannot be read.
        """
        with _telling_where(self.where):
            reading = self.opened_again() if self.opened_again else self.reader
            if reading.data != self.reader.data:
                raise ArtifactError("changed while it was read")
            for finding in reading.findings(write):
                raise RefusedError(f"{self.where}: {finding}{self._way_out}")
            if self.says:
                self._compare(reading.summary(self.says.archive))

    @property
    def _way_out(self) -> str:
        """What to do about a directory that is not the package: most likely it was another one."""
        if self.opened_again:
            return ""
        return "; if another version was unpacked here, too, remove the directory and unpack again"

    def proves(self, write: Write) -> bool:
        """Do the same with all processors; returns whether that was possible, and went well."""
        proved = self.prover and self.prover(write)
        if proved:
            self._compare(proved)
        return proved is not None

    def _compare(self, found: Summary) -> None:
        if found.indexed != self.says:  # guard: index-of-another-archive
            index = index_name(self.says.archive if self.says else "")
            raise RefusedError(f"{self.where}: is not what {index} beside it says")


@contextmanager
def opened(path: Path, trust: Trust | None) -> Iterator[PackageSource]:
    """Open what is to be installed; where keys are trusted, only what one of them has signed.

    Nothing of it is read before its signature holds; and what is read then has to be the manifest
    that was signed, so that nobody can exchange it in between.

    Raises:
        RefusedError: it is no package, or nobody who is trusted has signed it.
        TargetError: it cannot be read.
    """
    where = shown(str(path))
    if path.suffix == ".deb":
        raise RefusedError(f"{where}: is for dpkg; install it with `dpkg -i {where}`")
    with ExitStack() as stack:
        with _telling_where(where):
            source = _tree(path, trust) if os.path.isdir(path) else None
            if source is None:
                file = stack.enter_context(open_regular(path))
                source = _artifact(file, path, trust)
            if source.signed:
                source.signed.demand_manifest(source.reader.data)
                source.signed.demand_package(source.reader.manifest.package)
        yield source


def _tree(path: Path, trust: Trust | None) -> PackageSource:
    if not is_tree(path):
        raise ArtifactError(f"is a directory, but no package was unpacked there{_meant(path)}")
    signed = demand_signed(path, trust)
    if signed:
        signed.demand_manifest(read_bounded(path / MANIFEST, canonical.LIMIT))
    return PackageSource(shown(str(path)), DirectoryReader(path), signed=signed)


def _meant(release: Path) -> str:
    """A hint for the directory that `doit package` makes."""
    names = [each.name for each in artifacts(release) if format_of(each.name) not in {None, DEB}]
    return f"; install {shown(names[0])} in it" if names else ""


def _artifact(file: FileIO, path: Path, trust: Trust | None) -> PackageSource:
    signed = demand_signed(path, trust)
    if signed:
        signed.demand_digest(filesystem.of_open(file), path.name)
    sidecars = Sidecars(path, complete=False)
    for _ in sidecars.read():
        pass  # an invalid index is ignored
    says = sidecars.index and sidecars.index._replace(archive=path.name)

    def read() -> Reader:
        file.seek(0)  # guard: read-what-was-opened
        return reader(file, path.name, len(says.chunks) if says else 0)

    reading = read()
    return PackageSource(shown(str(path)), reading, says, reading.prover(says), read, signed)


@contextmanager
def _telling_where(where: str) -> Iterator[None]:
    try:
        yield
    except ArtifactError as error:
        raise RefusedError(f"{where}: {error}") from None
    except OSError as error:
        raise TargetError(f"{where}: {reason(error)}") from None


_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FICLONE = 0x40049409


class Reflinks:
    """Shares content with the files of a release in the prefix, if the file system can."""

    def __init__(self, home: Home, release: Release | None) -> None:
        self._descent: Descent | None = None
        self._known: set[tuple[str, str]] = set()
        self._shares = sys.platform == "linux"
        if release and home.directory.is_directory(release.path):
            files = (entry for entry in release.layout.release if entry.type == FILE)
            self._known = {(entry.path, entry.digest) for entry in files}
            with home.directory.opened(release.path) as opened:
                self._descent = Descent(opened)

    def __enter__(self) -> Reflinks:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descent:
            self._descent.__exit__()

    def take(self, entry: Entry, descriptor: int) -> bool:
        """Let an open, empty file share the content of the same file in that release.

        Returns whether it does. If not, the file is still empty; if so, it has to be checked like
        one that was written.
        """
        if not (self._shares and entry.size and (entry.path, entry.digest) in self._known):
            return False
        try:
            return self._take(entry, descriptor)
        except OSError:  # it is not there any more, or cannot be opened
            return False

    def _take(self, entry: Entry, descriptor: int) -> bool:
        if self._descent is None:
            return False
        parent, name = self._descent.to(entry.path)
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode) or status.st_size != entry.size:
            return False
        old = os.open(name, _READ, dir_fd=parent)
        try:
            self._shares = _clone(old, descriptor)
        finally:
            os.close(old)
        return self._shares


def _clone(old: int, descriptor: int) -> bool:
    try:
        fcntl.ioctl(descriptor, _FICLONE, old)
    except OSError:  # there are many ways to say that this file system cannot
        return False
    return True


_OPEN = Owned(0o755)
_SOME = 256  # entries that are read back at a time


class Staging(NamedTuple):
    """What a release is written from, and what is called on the way."""

    source: PackageSource
    release: Release
    old: Release | None
    """One that is in the prefix already, and may have the same files."""
    progress: Progress


def stage(home: Home, of: Staging) -> str:
    """Write a release to a directory with a temporary name, sync it, and read it back.

    Returns its path. Whatever goes wrong, nothing is left behind.

    Raises:
        RefusedError: the package is not what its manifest says.
        TargetError: it cannot be read, or not be written.
    """
    with _telling(home), home.directory.opened(RELEASES) as opened:
        made = _staged(home, of, opened)
        if not made and of.old:  # somebody has changed the shared files
            made = _staged(home, of._replace(old=None), opened)
    if not made:
        raise TargetError(f"{home.path}: the disk does not return what was written")
    return made


def place(home: Home, made: str, release: Release) -> None:
    """Give a staged release its name."""
    with _telling(home):
        home.directory.move(made, release.path)


def _staged(home: Home, of: Staging, opened: int) -> str:
    """Write a release, sync it, and read it back; "" if that differs."""
    made = _proved(home, of) or _made(home, of, of.source.read)
    try:
        sync_below(home.directory, made, opened)  # guard: sync-a-release
        if _is_whole(home, made, of.release):
            return made
    except BaseException:
        home.directory.remove_tree(made)
        raise
    home.directory.remove_tree(made)
    return ""


def _proved(home: Home, of: Staging) -> str:
    """Write a release with all processors; "" if that does not go well.

    Writing it once more with one processor says why.
    """
    if of.source.prover is None:
        return ""

    def read(write: Write) -> None:
        if not of.source.proves(write):
            raise _NotProvedError

    try:
        return _made(home, of, read)
    except _NotProvedError:
        return ""


def _made(home: Home, of: Staging, read: Callable[[Write], None]) -> str:
    """Write a release, whose files `read` provides."""
    directory = home.directory
    made = directory.temporary(RELEASES)
    try:
        with directory.opened(made) as into, Reflinks(home, of.old) as earlier:
            _write(home, of, _Writer(into, of.release, earlier), read)
            settle(into, _OPEN)
    except BaseException:
        directory.remove_tree(made)  # guard: failed-release-removed
        raise
    return made


def _write(home: Home, of: Staging, writer: _Writer, read: Callable[[Write], None]) -> None:
    lies = {entry.path: entry for entry in of.release.layout.release}

    def write(entry: Entry, blocks: Iterable[bytes]) -> None:
        if entry.path == MANIFEST:
            return
        try:
            writer.write(lies[stored(entry).path], blocks)
        except OSError as error:  # here: it is no fault of the source
            raise _told(home, error) from None
        of.progress(entry.size)

    with writer:
        writer.write(lies[MANIFEST], [of.release.data])
        of.progress(lies[MANIFEST].size)
        read(write)
        writer.finish()


class _NotProvedError(TargetError):
    """Something went wrong while all processors worked."""


class _Writer(TreeWriter):
    """Writes a release, and shares files with an earlier one."""

    def __init__(self, into: int, release: Release, earlier: Reflinks) -> None:
        super().__init__(into, release.layout.release, owners=can_give())
        self._earlier = earlier

    def fill(self, descriptor: int, entry: Entry, blocks: Iterable[bytes]) -> None:
        if not self._earlier.take(entry, descriptor):
            super().fill(descriptor, entry, blocks)
        # Whatever the archive said: two releases may be installed in one second, by any clock, and
        # Python would run the byte code of the one as that of the other.
        time = mtime_of_content(entry)
        os.utime(descriptor, (time, time))  # guard: time-of-a-file


def _is_whole(home: Home, made: str, release: Release) -> bool:
    entries = release.layout.release

    def holds(number: int) -> bool:
        return contents.holds(written, entries[number * _SOME : (number + 1) * _SOME])

    with home.directory.opened(made) as into, Descent(into) as written:
        shares = -(-len(entries) // _SOME)
        with Team(holds, shares) as team:  # for which `written` has to be there
            return team.agrees()


@contextmanager
def _telling(home: Home) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _told(home, error) from None


def _told(home: Home, error: OSError) -> TargetError:
    return TargetError(f"{home.path}: cannot be written: {reason(error)}")
