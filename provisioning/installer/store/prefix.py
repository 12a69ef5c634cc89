"""Opens and locks the prefix of a package.

Below another root than `/`, no link is followed. On the system itself, the way to a prefix may lead
over links, which are the administrator's; the prefix itself is not a link.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.filesystem import reason
from provisioning.artifact.model.entry import shown
from provisioning.artifact.model.placement import BYTECODE, RELEASES, STATE
from provisioning.errors import LockedError, RefusedError
from provisioning.installer.store.durable import Directory, Nowhere, Owned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SYSTEM = Path("/")
_OPEN = Owned(0o755)
_OWN = (RELEASES, BYTECODE, STATE, f"{STATE}/kept", f"{STATE}/signed")

NEW = 0o1755
"""The mode of a new prefix: one that nobody else uses, until it is noted; see footprint.py."""


class Home(NamedTuple):
    """The prefix of a package, opened."""

    root: Path
    """`/`, the root of a machine that does not run, or a directory for a rehearsal."""
    prefix: str
    """As the package names it."""
    path: Path
    """Its real path on this system."""
    directory: Directory

    @property
    def is_rehearsal(self) -> bool:
        """Whether this is below another root than that of the system."""
        return self.root != SYSTEM

    @property
    def is_image(self) -> bool:
        """Whether it is in the root of a machine that does not run."""
        return is_image(self.root)


_SYSTEMD = ("usr/lib/systemd/systemd", "lib/systemd/systemd")


def is_image(root: Path) -> bool:
    """Whether this is the root of a machine that does not run, such as a mounted SD card.

    Any other directory but that of the system stands for a root in a rehearsal.
    """
    if root == SYSTEM or not os.path.isfile(root / "etc/passwd"):
        return False
    return any(os.path.isfile(root / each) for each in _SYSTEMD)


@contextmanager
def opened(root: Path, prefix: str, *, make: bool = False) -> Iterator[Home]:
    """Open a prefix; with `make`, create it first.

    Raises:
        RefusedError: there is no such directory, or a link on the way.
    """
    path = _really(root, prefix)
    with _reached(root, path, Owned(NEW) if make else None) as directory:
        for own in _OWN:
            if _is_strange(directory, own):  # guard: link-in-a-prefix
                raise RefusedError(f"{shown(str(path / own))}: is not a directory; move it away")
        yield Home(root, prefix, path, directory)


def _is_strange(directory: Directory, own: str) -> bool:
    try:
        return directory.status(own) is not None and not directory.is_directory(own)
    # guard: prefix-that-cannot-be-read
    except PermissionError:  # it lies in a `state/` of which this user can neither read nor write
        return False


@contextmanager
def reached(root: Path, path: str, package: str = "", *, make: bool = False) -> Iterator[Directory]:
    """Open a directory of a system, to change it for a `package`; with `make`, create it first.

    Raises:
        RefusedError: it cannot be opened, most likely because of a link on the way.
        FileNotFoundError: there is none.
    """
    really = _really(root, path)
    if not make and not os.path.lexists(really):
        raise FileNotFoundError(path)
    with _reached(root, really, _OPEN if make else None, package) as directory:
        yield directory


@contextmanager
def looked_at(root: Path, prefix: str) -> Iterator[Home]:
    """Open a prefix that may not be there, to read what there is. Raises RefusedError."""
    path = _really(root, prefix)
    if exists(root, prefix):
        with opened(root, prefix) as home:
            yield home
    else:
        yield Home(root, prefix, path, Nowhere())


def exists(root: Path, prefix: str) -> bool:
    """Whether there is anything at a prefix."""
    return os.path.lexists(_really(root, prefix))


def missing(root: Path, prefix: str) -> list[str]:
    """Return the directories on the way to a prefix that do not exist, relative to the root."""
    return [way for way in _ways(root, _really(root, prefix)) if not os.path.lexists(root / way)]


def remove_empty(root: Path, ways: Iterable[str]) -> None:
    """Remove the empty ones of some directories; the outermost come first."""
    with Directory(root) as top:
        for way in reversed(tuple(ways)):
            if top.is_directory(way) and not top.names(way):
                top.remove(way)


def _really(root: Path, path: str) -> Path:
    where = root / os.path.normpath(f"/{path}").lstrip("/")  # no `..` leads out of a root
    # guard: prefix-by-a-link
    return Path(os.path.realpath(where.parent), where.name) if root == SYSTEM else where


@contextmanager
def _reached(root: Path, path: Path, owned: Owned | None, package: str = "") -> Iterator[Directory]:
    """Open a directory; with `owned`, create it and the way there first."""
    try:
        with Directory(root) as top:
            ways = _ways(root, path) if owned else []
            for way in ways:
                top.make(way, owned if owned and way == ways[-1] else _OPEN)
            with top.opened(path.relative_to(root).as_posix()) as descriptor:
                directory = Directory(descriptor, package, path)
    except OSError as error:  # guard: prefix-on-a-bad-disk
        raise RefusedError(_fault(root, path, error)) from error
    with directory:
        yield directory


def _ways(root: Path, path: Path) -> list[str]:
    """The directories from a root to a path, relative to it, the outermost first."""
    parts = path.relative_to(root).parts
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _fault(root: Path, path: Path, error: OSError) -> str:
    """Why a directory cannot be opened: most likely because of a link."""
    for each in (root / way for way in _ways(root, path)):
        if os.path.islink(each):
            where, leads = shown(str(each)), shown(os.readlink(each))
            return f"{where}: is a link to {leads}, which is not followed; put a directory there"
    return f"{shown(str(path))}: {reason(error)}"


LOCK = f"{STATE}/lock"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """Hold the lock of a package. Raises LockedError if another process does."""
    home.directory.make(STATE, Owned(0o700))
    descriptor = _locked(home)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(home: Home) -> int:
    while True:
        with home.directory.opened(STATE) as state, home.directory.naming(LOCK):
            descriptor = os.open("lock", _FLAGS, 0o600, dir_fd=state)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # guard: lock-of-a-prefix
        except BlockingIOError:
            os.close(descriptor)
            raise LockedError(
                f"{home.path}: another process is changing this package; wait until it has ended"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        status = home.directory.status(LOCK)
        if status and status.st_ino == os.fstat(descriptor).st_ino:  # guard: lock-of-gone-prefix
            return descriptor
        os.close(descriptor)  # whoever held it removed the package, and this file with it
