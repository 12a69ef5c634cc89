"""Knows how a Debian package is held against the manifest in it, which says what its bytes are.

A package has one spelling as a deb. So nothing but the manifest is parsed: all that comes before
and after it is compared with what the manifest would have it be, or has the digest that it says.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import canonical, manifest, tar
from provisioning.artifact.codec.gzip import GzipReader
from provisioning.artifact.contents import digested
from provisioning.artifact.deb import ar, control, extra, gnu
from provisioning.artifact.deb.described import is_embedded
from provisioning.artifact.deb.extra import Extra
from provisioning.artifact.deb.gnu import Gnu
from provisioning.artifact.deb.stated import SCRIPTS, stated
from provisioning.artifact.deb.stream import READERS
from provisioning.artifact.digest import HashedReader, of_bytes
from provisioning.artifact.entry import FILE
from provisioning.artifact.files import Span
from provisioning.artifact.finding import Finding, content_difference
from provisioning.artifact.path import MANIFEST, shown
from provisioning.artifact.tar import BLOCK
from provisioning.artifact.whole import Whole
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import FileIO

    from provisioning.artifact.contents import Write
    from provisioning.artifact.entry import Entry
    from provisioning.artifact.manifest import Manifest
    from provisioning.artifact.tar import Stream

_BUFFER = 256 * 1024
_PREAMBLE_LIMIT = canonical.LIMIT + 64 * BLOCK  # bytes of tar before a manifest is known
_TEXTS_LIMIT = 2 << 20  # bytes of scripts and extras which are neither of the manifest nor embedded
_LONGEST_WAY = 32 * BLOCK  # of headers, to the manifest
_WRONG = "is not as the manifest says"


class Reading:
    """One pass over a Debian package, from its first byte to its last: see format.Reader."""

    def __init__(self, file: FileIO) -> None:
        self._packed = HashedReader(file)
        self._ar = ar.Archive(self._packed)
        _, member = self._ar.member({ar.CONTROL: ar.CONTROL})
        # How large it may be, only the manifest tells: it is read when all else is known.
        self._control = Span(file, self._packed.size, member.size)
        while member.read(_BUFFER):
            pass
        codec, member = self._ar.member(ar.DATA)
        unpacked = READERS[codec](member, _PREAMBLE_LIMIT)
        self._stream = io.BufferedReader(unpacked, _BUFFER)
        self.data, self.manifest, self._spelling = _read_preamble(self._stream)
        unpacked.limit = self._tar_limit()

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        """Hold all that follows the manifest against it, and then the control member."""
        sums, right = list[bytes](), True
        for entry in self.manifest.entries:
            self._demand_header(entry)
            if entry.type == FILE:
                for finding in self._content(entry, write, sums):
                    right = False
                    yield finding
        if right:
            yield from self._rest(sums)
        else:  # what depends on these contents is wrong too, which would tell the same again
            while self._packed.read(_BUFFER):
                pass

    def whole(self, name: str) -> Whole:
        """Tell what the package is, once all findings have been asked for."""
        del name
        return Whole(self.data, self.manifest.package, self._packed.hexdigest(), None)

    def _demand_header(self, entry: Entry) -> None:
        wanted = self._spelling.header(entry)
        if self._stream.read(len(wanted)) != wanted:
            raise ArtifactError(f"{entry.path}: is not in the data as the manifest says")

    def _rest(self, sums: list[bytes]) -> Iterator[Finding]:
        scripts, extras = stated(self.manifest)
        added = [*self._extras(extras)]
        if self._stream.read(len(tar.END) + 1) != tar.END:
            raise ArtifactError("its data do not end as the manifest says")
        self._ar.end()
        files = control.files(self.manifest, self.data, added, sums)
        limit = self._texts_limit() + sum(map(len, files.values()))
        yield from _control_findings(GzipReader(self._control, limit), files, scripts)

    def _extras(self, extras: Mapping[str, str]) -> Iterator[Extra]:
        for path, way in extra.ways(self.manifest, sorted(extras)):
            held = None
            if self._stream.read(len(way)) == way:
                held = _held(self._stream, path, extra.MODE)
            if not held or held.digest != extras[path]:
                raise ArtifactError(f"{shown(path[1:])}: {_WRONG}")
            yield Extra(path, held.size, held.md5)

    def _content(self, entry: Entry, write: Write | None, sums: list[bytes]) -> Iterator[Finding]:
        member, md5 = self._spelling.member(entry), hashlib.new("md5", usedforsecurity=False)
        content = tar.read_content(self._stream, member.name, member.size)
        content = _summed(content, md5)
        yield from content_difference(digested(entry, content, write), member, entry)
        if control.has_sum(entry):
            path = f"{self.manifest.package.prefix}/{entry.path}"
            sums.append(control.sum_line(path, md5.hexdigest()))

    def _tar_limit(self) -> int:
        whole = len(self._spelling.preamble(self.data)) + len(self.data)
        whole += sum(map(self._spelling.length, self.manifest.entries))
        return whole + self._texts_limit()

    def _texts_limit(self) -> int:
        """How long all scripts and extras can be: they hold some of the package again."""
        package, entries = self.manifest
        held = sum(entry.size for entry in entries if is_embedded(entry))
        paths = len(self.data) + len(package.prefix.encode()) * len(entries)
        return held + paths * (len(SCRIPTS) + len(package.services)) + _TEXTS_LIMIT


class _Held(NamedTuple):
    """What was found of a file that the manifest has no size of."""

    size: int
    digest: str
    md5: str


def _held(stream: Stream, name: str, mode: int) -> _Held | None:
    """Read a file of root's; None where something else is."""
    header = stream.read(len(gnu.head(name, mode, 0)))
    size = _size_of(header[-BLOCK:])
    if gnu.head(name, mode, size) != header:
        return None
    sha256, md5 = hashlib.sha256(), hashlib.new("md5", usedforsecurity=False)
    for piece in _summed(tar.read_content(stream, name, size), md5):
        sha256.update(piece)
    return _Held(size, sha256.hexdigest(), md5.hexdigest())


def _control_findings(
    unpacked: GzipReader, files: Mapping[str, bytes], scripts: Mapping[str, str]
) -> Iterator[Finding]:
    stream = io.BufferedReader(unpacked, _BUFFER)
    try:
        if wrong := _wrong_in_control(stream, files, scripts):
            yield Finding(f"{ar.CONTROL}: {wrong}", _WRONG)
        elif stream.read(1):
            yield Finding(ar.CONTROL, "goes on after its end")
    except ArtifactError as error:
        yield Finding(ar.CONTROL, str(error))


def _wrong_in_control(
    stream: Stream, files: Mapping[str, bytes], scripts: Mapping[str, str]
) -> str:
    """Name the first part of the control member that is not as it should be; "" if none is."""
    digests = {**{name: of_bytes(held) for name, held in files.items()}, **scripts}
    if stream.read(len(control.TOP)) != control.TOP:
        return "./"
    for name in sorted(digests):
        held = _held(stream, f"./{name}", control.mode_of(name))
        if not held or held.digest != digests[name]:
            return name
    return "" if stream.read(len(tar.END)) == tar.END else "its end"


def _read_preamble(stream: Stream) -> tuple[bytes, Manifest, Gnu]:
    """Read on to the manifest, which then says what should have come before it.

    Which times the files bear it does not say, and the time that it bears itself does.
    """
    found, size = b"", -1
    while size < 0 and len(found) < _LONGEST_WAY:
        block = stream.read(BLOCK)
        found += block
        size = _size_of_manifest(block)
    data = stream.read(size) if 0 <= size <= canonical.LIMIT else b""
    if not data:
        raise ArtifactError("its data do not begin with a manifest: this tool did not make it")
    parsed = manifest.parse(data, MANIFEST)
    fill = bytes(tar.padding(size))
    for by_content in (True, False):
        spelling = Gnu(parsed.package.prefix, by_content=by_content)
        if spelling.preamble(data) == found and stream.read(len(fill)) == fill:
            return data, parsed, spelling
    raise ArtifactError(f"{MANIFEST}: does not lie in the data as it should")


def _size_of_manifest(block: bytes) -> int:
    """The size of the file whose header `block` is, the first one that there is; else -1."""
    # What is none ends the search: a header of a regular file would follow directories alone.
    if block[156:157] != tar.TYPES[FILE]:
        return -1 if block else 0
    return _size_of(block)


def _size_of(header: bytes) -> int:
    """The size that stands in a header; 0 where none does."""
    digits = header[124:135]
    return int(digits, 8) if digits.isdigit() and not {*b"89"} & {*digits} else 0


def _summed(content: Iterator[bytes], md5: hashlib._Hash) -> Iterator[bytes]:
    for block in content:
        md5.update(block)
        yield block
