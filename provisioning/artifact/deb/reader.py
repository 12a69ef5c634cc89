"""Reads a Debian package and compares it with the manifest inside.

Of several xz or zstd streams, dpkg installs the first and silently ignores the rest. So only gzip
is cut into chunks there.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.codec import GzipReader, XzReader, ZstdReader
from provisioning.artifact.contents import Finding, content_difference, digested
from provisioning.artifact.deb import containers, control
from provisioning.artifact.deb.containers import Gnu
from provisioning.artifact.deb.control import SCRIPTS, Extra, stated
from provisioning.artifact.filesystem import FileRange, HashedReader, of_bytes
from provisioning.artifact.model import canonical, manifest
from provisioning.artifact.model.entry import FILE, MANIFEST, shown
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.archive import BLOCK
from provisioning.artifact.tar.chunking import Summary
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import FileIO

    from provisioning.artifact.codec import ChunkReader
    from provisioning.artifact.contents import Write
    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.tar.archive import Readable
    from provisioning.artifact.tar.chunking import Index


class OneXzReader(XzReader):
    """The uncompressed bytes of one xz stream: see ChunkReader."""

    is_single = True


class OneZstdReader(ZstdReader):
    """The uncompressed bytes of one zstd frame without a size: see ChunkReader."""

    is_single = True
    # Magic, a frame with a checksum and without its size, a window of 8 MiB (RFC 8878, section
    # 3.1.1.1).
    header = b"\x28\xb5\x2f\xfd\x04\x68"

    def fault(self, begin: bytes, length: int) -> str | None:
        """See ChunkReader: `header` is what no checksum covers."""
        del begin, length
        return None


READERS: dict[str, type[ChunkReader]] = {
    "gzip": GzipReader,
    "xz": OneXzReader,
    "zstd": OneZstdReader,
}
"""The reader of a data member, by its codec."""

_BUFFER = 256 * 1024
_PREAMBLE_LIMIT = canonical.LIMIT + 64 * BLOCK  # bytes of tar before a manifest is known
_TEXTS_LIMIT = 2 << 20  # bytes of scripts and extras which are neither of the manifest nor embedded
_LONGEST_WAY = 32 * BLOCK  # of headers, to the manifest
_WRONG = "is not as the manifest says"


class DebReader:
    """One pass over a Debian package, from its first byte to its last: see formats.Reader."""

    def __init__(self, file: FileIO) -> None:
        self._packed = HashedReader(file)
        self._ar = containers.Archive(self._packed)
        _, member = self._ar.member({containers.CONTROL: containers.CONTROL})
        # Only the manifest says how large it may be, so it is read last.
        self._control = FileRange(file, self._packed.size, member.size)
        while member.read(_BUFFER):
            pass
        codec, member = self._ar.member(containers.DATA)
        unpacked = READERS[codec](member, _PREAMBLE_LIMIT)
        self._stream = io.BufferedReader(unpacked, _BUFFER)
        self.data, self.manifest, self._spelling = _read_preamble(self._stream)
        unpacked.limit = self._tar_limit()

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        """Compare all that follows the manifest with it, and then the control member."""
        sums, right = list[bytes](), True
        for entry in self.manifest.entries:
            self._demand_header(entry)
            if entry.type == FILE:
                for finding in self._content(entry, write, sums):
                    right = False
                    yield finding
        if right:
            yield from self._rest(sums)
        else:  # whatever depends on these contents is wrong, too: one report is enough
            while self._packed.read(_BUFFER):
                pass

    def prover(self, says: Index | None) -> None:
        """See Reader: dpkg reads a single stream, which one processor unpacks."""
        del says

    def summary(self, name: str) -> Summary:
        """See Reader."""
        del name
        return Summary(self.data, self.manifest.package, self._packed.hexdigest(), None)

    def _demand_header(self, entry: Entry) -> None:
        wanted = self._spelling.header(entry)
        if self._stream.read(len(wanted)) != wanted:
            raise ArtifactError(f"{entry.path}: is not in the data as the manifest says")

    def _rest(self, sums: list[bytes]) -> Iterator[Finding]:
        scripts, extras = stated(self.manifest)
        added = [*self._extras(extras)]
        if self._stream.read(len(archive.END) + 1) != archive.END:  # guard: after-the-end-of-a-deb
            raise ArtifactError("its data do not end as the manifest says")
        self._ar.end()
        files = control.files(self.manifest, self.data, added, sums)
        limit = self._texts_limit() + sum(map(len, files.values()))
        yield from _control_findings(GzipReader(self._control, limit), files, scripts)

    def _extras(self, extras: Mapping[str, str]) -> Iterator[Extra]:
        for path, way in control.parents_of(self.manifest, sorted(extras)):
            held = None
            if self._stream.read(len(way)) == way:
                held = _measured(self._stream, path, control.EXTRA_MODE)
            if not held or held.digest != extras[path]:  # guard: extra-files-of-a-deb
                raise ArtifactError(f"{shown(path[1:])}: {_WRONG}")
            yield Extra(path, held.size, held.md5)

    def _content(self, entry: Entry, write: Write | None, sums: list[bytes]) -> Iterator[Finding]:
        member, md5 = self._spelling.member(entry), hashlib.new("md5", usedforsecurity=False)
        content = archive.read_content(self._stream, member.name, member.size)
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
        """The limit of all scripts and extras: they contain some of the package again."""
        package, entries = self.manifest
        held = sum(entry.size for entry in entries if control.is_embedded(entry))
        paths = len(self.data) + len(package.prefix.encode()) * len(entries)
        return held + paths * (len(SCRIPTS) + len(package.services)) + _TEXTS_LIMIT


class _Measured(NamedTuple):
    """What was read of a file whose size is not in the manifest."""

    size: int
    digest: str
    md5: str


def _measured(stream: Readable, name: str, mode: int) -> _Measured | None:
    """Read a file that root owns; None if something else comes."""
    header = stream.read(len(containers.head(name, mode, 0)))
    size = _size_of(header[-BLOCK:])
    if containers.head(name, mode, size) != header:
        return None
    sha256, md5 = hashlib.sha256(), hashlib.new("md5", usedforsecurity=False)
    for piece in _summed(archive.read_content(stream, name, size), md5):
        sha256.update(piece)
    return _Measured(size, sha256.hexdigest(), md5.hexdigest())


def _control_findings(
    unpacked: GzipReader, files: Mapping[str, bytes], scripts: Mapping[str, str]
) -> Iterator[Finding]:
    stream = io.BufferedReader(unpacked, _BUFFER)
    try:
        if wrong := _wrong_in_control(stream, files, scripts):
            yield Finding(f"{containers.CONTROL}: {wrong}", _WRONG)
        elif stream.read(1):
            yield Finding(containers.CONTROL, "goes on after its end")
    except ArtifactError as error:
        yield Finding(containers.CONTROL, str(error))


def _wrong_in_control(
    stream: Readable, files: Mapping[str, bytes], scripts: Mapping[str, str]
) -> str:
    """Name the first part of the control member that is wrong; "" if none is."""
    digests = {**{name: of_bytes(held) for name, held in files.items()}, **scripts}
    if stream.read(len(control.TOP)) != control.TOP:
        return "./"
    for name in sorted(digests):
        held = _measured(stream, f"./{name}", control.mode_of(name))
        if not held or held.digest != digests[name]:  # guard: deb-control
            return name
    return "" if stream.read(len(archive.END)) == archive.END else "its end"


def _read_preamble(stream: Readable) -> tuple[bytes, Manifest, Gnu]:
    """Read to the manifest, and compare what came before with it.

    Its own modification time says whether those of files depend on their contents.
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
    fill = bytes(archive.padding(size))
    for by_content in (True, False):
        spelling = Gnu(parsed.package.prefix, by_content=by_content)
        if spelling.preamble(data) == found and stream.read(len(fill)) == fill:
            return data, parsed, spelling
    raise ArtifactError(f"{MANIFEST}: is not where it should be in the data")


def _size_of_manifest(block: bytes) -> int:
    """The size of the file whose header `block` is, the first one that there is; else -1."""
    # Anything else ends the search: only directories can precede the header of a regular file.
    if block[156:157] != archive.TYPES[FILE]:
        return -1 if block else 0
    return _size_of(block)


def _size_of(header: bytes) -> int:
    """The size in a header; 0 if there is none."""
    digits = header[124:135]
    return int(digits, 8) if digits.isdigit() and not {*b"89"} & {*digits} else 0


def _summed(content: Iterator[bytes], md5: hashlib._Hash) -> Iterator[bytes]:
    for block in content:
        md5.update(block)
        yield block
