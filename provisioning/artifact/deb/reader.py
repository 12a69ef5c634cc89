"""Knows how a Debian package is held against the manifest in it, which says what its bytes are.

A package has one spelling as a deb. So nothing but the manifest is parsed: all that comes before
and after it is compared with what the manifest would have it be.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from provisioning.artifact import canonical, manifest, tar
from provisioning.artifact.codec.gzip import GzipReader
from provisioning.artifact.contents import digested
from provisioning.artifact.deb import ar, control, extra
from provisioning.artifact.deb.described import Described, is_embedded
from provisioning.artifact.deb.gnu import Gnu
from provisioning.artifact.deb.stream import READERS
from provisioning.artifact.digest import HashedReader
from provisioning.artifact.entry import FILE
from provisioning.artifact.files import Span
from provisioning.artifact.finding import Finding, content_difference
from provisioning.artifact.path import MANIFEST
from provisioning.artifact.tar import BLOCK
from provisioning.artifact.whole import Whole
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO

    from provisioning.artifact.contents import Write
    from provisioning.artifact.deb.control import Part
    from provisioning.artifact.entry import Entry
    from provisioning.artifact.manifest import Manifest
    from provisioning.artifact.tar import Stream

_BUFFER = 256 * 1024
_PREAMBLE_LIMIT = canonical.LIMIT + 64 * BLOCK  # bytes of tar before a manifest is known
_EXTRAS_LIMIT = 1 << 20
# Units and scripts are as this version spells them, and no other spelling could be told from harm.
_OR_OTHER = "; if another version of this tool made it, verify it with that one"
_LONGEST_WAY = 32 * BLOCK  # of headers, to the manifest


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
        self._texts: dict[str, bytes] = {}
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
        described = Described(self.manifest, self.data, self._texts)
        added = extra.extras(described)
        ending = extra.ending(self.manifest, added)
        if self._stream.read(len(ending) + 1) != ending:
            raise ArtifactError(f"its data do not end as the manifest says{_OR_OTHER}")
        self._ar.end()
        yield from _control_findings(self._control, control.parts(described, added, sums))

    def _content(self, entry: Entry, write: Write | None, sums: list[bytes]) -> Iterator[Finding]:
        member, md5 = self._spelling.member(entry), hashlib.new("md5", usedforsecurity=False)
        content = tar.read_content(self._stream, member.name, member.size)
        if is_embedded(entry):
            self._texts[entry.path] = b"".join(content)
            content = iter((self._texts[entry.path],))
        content = _summed(content, md5)
        yield from content_difference(digested(entry, content, write), member, entry)
        if control.has_sum(entry):
            path = f"{self.manifest.package.prefix}/{entry.path}"
            sums.append(control.sum_line(path, md5.hexdigest()))

    def _tar_limit(self) -> int:
        entries = self.manifest.entries
        whole = len(self._spelling.preamble(self.data)) + len(self.data)
        whole += sum(map(self._spelling.length, entries))
        # The extras hold some of the contents again, and little else that is not in the manifest.
        return whole + sum(entry.size for entry in filter(is_embedded, entries)) + _EXTRAS_LIMIT


def _control_findings(packed: Span, parts: Sequence[Part]) -> Iterator[Finding]:
    limit = sum(len(part.tar) for part in parts)
    stream = io.BufferedReader(GzipReader(packed, limit), _BUFFER)
    try:
        for name, spelt in parts:
            if stream.read(len(spelt)) != spelt:
                yield Finding(f"{ar.CONTROL}: {name}", f"is not as the manifest says{_OR_OTHER}")
                return
        if stream.read(1):
            yield Finding(ar.CONTROL, "goes on after its end")
    except ArtifactError as error:
        yield Finding(ar.CONTROL, str(error))


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
    digits = block[124:135]
    return int(digits, 8) if digits.isdigit() and not {*b"89"} & {*digits} else 0


def _summed(content: Iterator[bytes], md5: hashlib._Hash) -> Iterator[bytes]:
    for block in content:
        md5.update(block)
        yield block
