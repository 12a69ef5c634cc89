"""The state of files: what they hold, and signatures that show a change without reading them."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import time
from array import array
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.filesystem import MIB
from provisioning.artifact.model.entry import DIR, FILE, LINK
from provisioning.builder.workspace.caches import Cache
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import BinaryIO, TypeAlias

    _Known: TypeAlias = "tuple[Signature, str, str]"
    """Of a file that was read: when it was, its digest, and what it was made for."""

# A file may change once more within one tick of the clock that stamps it, without a different
# stamp: a file that was stamped this recently is not remembered. (git calls such entries "racily
# clean".)
_TICK_NS = 50_000_000
_COARSE_TICK_NS = 2_000_000_000  # where the file system counts whole seconds

MARSHAL = 2
"""The version of marshal that encodes what is digested. From 3 on, equal values may be encoded
differently: it depends on other references to them."""


class Signature(NamedTuple):
    """What changes whenever a file may have changed: as lstat(2) gives it, times in nanoseconds."""

    size: int
    mtime: int
    ctime: int  # set by the kernel alone: an edit that puts mtime back is seen all the same
    inode: int
    mode: int


# guard: change-time-of-a-source
numbers = attrgetter("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_mode")
"""The fields of a Signature as a plain tuple, in a third of the time: a build with nothing to do
consists of the work for each file."""
_PACKING = struct.Struct("=5q")
_SIZE = struct.Struct("=q")  # which comes first
WIDTH = _PACKING.size
"""A signature as bytes."""
rows = _PACKING.iter_unpack
"""The signatures in such bytes, each as a plain tuple."""


def to_bytes(values: list[int]) -> bytes:
    """Signatures with these fields, one after the other, as bytes."""
    try:
        return array("q", values).tobytes()
    except OverflowError:  # an inode above 2**63, or a time after 2262: as good as another number
        return array("q", [(each + 2**63) % 2**64 - 2**63 for each in values]).tobytes()


def from_bytes(data: bytes) -> Signature:
    """The one signature in `data`."""
    return Signature._make(_PACKING.unpack(data))


def size_in(data: bytes) -> int:
    """The size of the file whose signature is `data`."""
    size: int = _SIZE.unpack_from(data)[0]
    return size


def bytes_of(status: os.stat_result) -> bytes:
    """The signature in a result of lstat(2), as bytes."""
    return to_bytes([*numbers(status)])


def signature(status: os.stat_result) -> Signature:
    """The signature in a result of lstat(2)."""
    return from_bytes(bytes_of(status))


def is_same(status: os.stat_result, now: Signature) -> bool:
    """Whether a result of lstat(2) or fstat(2) has the signature `now`."""
    # They are nearly always equal as they are, and this comparison takes a third of the time.
    return numbers(status) == now or signature(status) == now


def is_settled(ctime: int, now: int) -> bool:
    """Whether a change made after `now` would show in a file stamped at `ctime` (nanoseconds)."""
    tick = _TICK_NS if ctime % 1_000_000_000 else _COARSE_TICK_NS
    return now - ctime > tick


_FEW = 50  # rows that are read one by one before all are
_MANY = 5000  # digests that are held before they are saved
_OFTEN = 0.05  # seconds between two looks at what others have saved


class FileState(NamedTuple):
    """What is at a path, as far as it can reach a package."""

    type: str  # FILE | DIR | LINK
    size: int = 0
    digest: str = ""
    executable: bool = False
    link: str = ""
    made_for: str = ""
    """Of code, which machine or interpreter: see executables.py."""

    @property
    def identity(self) -> str:
        """Text that is equal for two paths exactly when they hold the same."""
        return f"{self.type} {self.digest or self.link}{' x' if self.executable else ''}"


class Digests:
    """The SHA-256 of files, remembered in `store` for as long as their signature stays.

    With it goes what code was made for: no file is opened again to be judged.
    """

    def __init__(self, store: Path) -> None:
        columns = ("path", "size", "mtime", "ctime", "inode", "mode", "digest", "made_for")
        self._cache = Cache(store, columns)
        self._rows: dict[str, _Known] = {}
        self._fresh: dict[str, _Known] = {}
        self._loaded: object = None
        self._holds_all = True  # that was kept by this process
        self._made = f"{store.parent.parent}/"
        self._made_loaded: object = None
        self._asked = 0
        self._asks_again_at = 0.0

    def look(self, path: str) -> FileState:
        """What is at `path` now; a file is read only if its signature is unknown.

        Raises:
            OSError: nothing lies there, or it cannot be read.
            BuildError: it is a device, a FIFO or a socket, or it changes while it is read.
        """
        return self.hold(path, signature(os.lstat(path)))

    def hold(self, path: str, now: Signature) -> FileState:
        """What lies at `path`, whose signature was just seen to be `now`; raises as `look` does."""
        if stat.S_ISREG(now.mode):
            return file_of(now, *self._content(path, now))
        if stat.S_ISLNK(now.mode):
            return FileState(LINK, link=os.readlink(path))
        if stat.S_ISDIR(now.mode):
            return FileState(DIR)
        # guard: neither-file-nor-directory
        raise BuildError(f"{path}: neither a file, a directory nor a symbolic link; exclude it")

    def count_unknown(self, paths: Sequence[str], signature_of: Callable[[str], Signature]) -> int:
        """How many of many files, each with its signature, must be read.

        This looks at everything that is known: for a few files, `hold` costs less. Raises as
        `signature_of` does.
        """
        self._load_all()
        if not self._rows and not self._fresh:
            return len(paths)
        return sum(not self.known(path, signature_of(path)) for path in paths)

    def known(self, path: str, now: Signature) -> str:
        """The digest of a file that has the signature `now`; "" if it must be read."""
        found = self._row(path)
        return found[1] if found and found[0] == now else ""  # guard: digest-remembered

    def learn(self, files: Iterable[tuple[str, tuple[int, ...], str, str]], began: int) -> None:
        """Take over what was read since `began` of files that kept their signatures meanwhile.

        Many are kept at once, and not held: 100,000 are 60 MB.
        """
        for path, numbers, digest, made_for in files:
            now = Signature._make(numbers)
            if is_settled(now.ctime, began):
                self._fresh[path] = now, digest, made_for
        if len(self._fresh) >= _MANY:
            self._keep()
            self._holds_all = False

    def wrote(self, path: str, digest: str) -> None:
        """Take over the digest of a file that this process has written a moment ago.

        It is not saved: an edit within the same tick of the clock would not show, so the next
        process reads the file.
        """
        self._rows[path] = signature(os.lstat(path)), digest, ""

    def forget(self) -> None:
        """Read every file again the next time, whatever its signature says."""
        self._rows, self._fresh = {}, {}
        with suppress(OSError):  # if nothing can be removed, nothing was saved lately either
            self._cache.discard()
        self._loaded = self._cache.state()

    def save(self) -> None:
        """Save what was learnt for later processes; writes nothing if nothing was."""
        held_all = self._holds_all and self._cache.state() == self._loaded
        if fresh := self._keep():
            self._rows = {**self._rows, **fresh}
            if held_all:
                self._loaded = self._cache.state()

    def _keep(self) -> dict[str, _Known]:
        # Taken in one step: with `doit -P thread`, others learn meanwhile.
        fresh, self._fresh = self._fresh, {}
        if fresh:
            self._cache.put((path, *known, *rest) for path, (known, *rest) in fresh.items())
        return fresh

    def _content(self, path: str, now: Signature) -> tuple[str, str]:
        """The digest of a file, and what it was made for."""
        if not self.known(path, now):
            self._load(path)
        if self.known(path, now) and (found := self._row(path)):
            return found[1:]
        digest, made_for = read_digest(path, now)
        if is_settled(now.ctime, time.time_ns()):  # guard: stamped-this-moment
            self._fresh[path] = now, digest, made_for
        return digest, made_for

    def _row(self, path: str) -> _Known | None:
        return self._fresh.get(path) or self._rows.get(path)

    def _load(self, path: str) -> None:
        """Take over what this or another process has saved since the last time."""
        # What others have saved only saves work: to ask for each of many files would cost more.
        now = time.monotonic()
        if now < self._asks_again_at:
            return
        state = self._cache.state()
        if state == self._loaded:
            self._asks_again_at = now + _OFTEN
            return
        if path.startswith(self._made) and state != self._made_loaded:
            # A build with nothing to do asks for what it has made, of each variant.
            self._take(self._cache.rows_below(self._made))
            self._made_loaded = state
            return
        # One row is read fast, all of them for a few: of sources, few are asked for one by one.
        self._asked += 1
        if self._asked >= _FEW:
            self._load_all()
        elif row := self._cache.row(path):
            self._take([row])

    def _load_all(self) -> None:
        state = self._cache.state()
        if state != self._loaded:
            self._take(self._cache.rows())
            self._loaded, self._holds_all = state, True

    def _take(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows.update(
            (path, (Signature(*known), digest, made_for)) for path, *known, digest, made_for in rows
        )


def file_of(now: Signature, digest: str, made_for: str) -> FileState:
    """The state of a file that has the signature `now` and this digest."""
    # guard: executable-bit
    return FileState(FILE, now.size, digest, bool(now.mode & stat.S_IXUSR), made_for=made_for)


def read_digest(path: str, now: Signature) -> tuple[str, str]:
    """The SHA-256 (hex) of the file at `path`, and what it was made for, if it is code.

    It must keep the signature `now` meanwhile.

    Raises:
        OSError: it cannot be read.
        BuildError: it changed before or while it was read.
    """
    digest = hashlib.sha256()
    head = _read(path, now, digest.update)
    return digest.hexdigest(), made_for(path, head, lambda: open(path, "rb"))


def read_whole(path: str, now: Signature) -> bytes:
    """What the file at `path` holds; raises as `read_digest` does."""
    blocks: list[bytes] = []
    _read(path, now, blocks.append)
    return b"".join(blocks)


# What files begin with of which executables.py tells more: ELF, scripts, archives, and Mach-O.
# Others it knows by their names.
_TELLING: tuple[bytes, ...]
_TELLING = (b"\x7fELF", b"#!", b"!<arch>\n", b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")
_TELLING += (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")


def made_for(path: str, head: bytes, opened: Callable[[], BinaryIO]) -> str:
    """What a file that begins with `head` was made for; "" where it is no code."""
    if not head.startswith(_TELLING) and not path.endswith((".pyc", ".pth")):
        return ""
    # Imported here: a cost that a package without such files does not owe.
    from provisioning.builder.collect import executables  # noqa: PLC0415

    return executables.made_for(path, head, opened)


def _read(path: str, now: Signature, take: Callable[[bytes], object]) -> bytes:
    """Hand over all that the file at `path` holds; return what it begins with."""
    left, head = now.size, b""
    # O_NONBLOCK: a FIFO put in the file's place must not hang the build. No file object: to make
    # one takes longer than to read a small file.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        while left and (block := os.read(descriptor, min(left, MIB))):
            take(block)
            left -= len(block)
            head = head or block
        # guard: changed-while-digested
        if left or not is_same(os.fstat(descriptor), now):  # so that growth shows
            raise BuildError(f"{path}: changed while it was read; run doit again")
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)
    return head
