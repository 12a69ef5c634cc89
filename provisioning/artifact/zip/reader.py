"""Knows how the members of a zip are held against the manifest that they begin with.

A zip is read from its first byte to its last, and its central directory, with which other readers
begin, is held against the members that were found: nothing lies before, between or behind them.
"""

from __future__ import annotations

import io
import stat
from typing import TYPE_CHECKING

from provisioning.artifact import archive, canonical, manifest, mtime
from provisioning.artifact.checklist import Checklist
from provisioning.artifact.contents import NO_MANIFEST, PREAMBLE, STRANGE_MANIFEST, digested
from provisioning.artifact.digest import HashedReader
from provisioning.artifact.entry import DIR, FILE, LINK, TYPES, Entry
from provisioning.artifact.finding import Finding, content_difference, differences
from provisioning.artifact.path import MANIFEST, shown
from provisioning.artifact.tar import EPOCH, Member
from provisioning.artifact.whole import Whole
from provisioning.artifact.zip.members import (
    STRANGE,
    Source,
    is_strange,
    parse_central,
    pass_over,
    read_central,
    read_content,
    read_local,
)
from provisioning.artifact.zip.spelling import (
    CENTRAL,
    LOCAL,
    central,
    clock,
    end,
    is_possible,
    local,
)
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

    from provisioning.artifact.contents import Write
    from provisioning.artifact.manifest import Manifest
    from provisioning.artifact.zip.members import Local
    from provisioning.artifact.zip.spelling import Clock

_BUFFER = 256 * 1024
_UNLIKE = "its header in the central directory is not its own"
_CLOCK = clock(EPOCH)


class Times:
    """Which time each member bears: one for all, or each the one that its content gives."""

    def __init__(self, found: Clock) -> None:
        """`found` is what the manifest bears, which tells how it is with all."""
        self._vary = found != _CLOCK

    def __call__(self, entry: Entry) -> Clock:
        """The time of an entry."""
        return clock(mtime.of_content(entry)) if self._vary and entry.type == FILE else _CLOCK


class Reading:
    """One pass over a zip, from its first byte to its last.

    Raises ArtifactError, here and later, where it is damaged or not of this format.
    """

    def __init__(self, file: FileIO) -> None:
        self._hashed = HashedReader(file)
        self._source = Source(io.BufferedReader(self._hashed, _BUFFER))
        # Each member that was found: its entry, and how the central directory has to tell of it.
        self._found: list[tuple[Entry | None, bytes]] = []
        self._told: set[Finding] = set()
        self._mark = b""
        self.data, self.manifest, self.times = self._read_preamble()

    def findings(self, write: Write | None = None) -> Iterator[Finding]:
        """Hold all that follows the manifest against it, and read on to the zip's end.

        `write` is handed each file that is listed, with its content, in order; what it has
        written by the time that it is called again is right, or a finding came first.
        """
        checklist = Checklist(self.manifest)
        while found := self._next():
            entry = yield from checklist.match(found.name)
            self._note(found, entry)
            if entry:
                for finding in self._compare(found, entry, write):
                    self._told.add(finding)
                    yield finding
            else:
                pass_over(self._source, found)
        yield from checklist.missing()
        yield from self._compare_directory()

    def whole(self, name: str) -> Whole:
        """Tell what the zip is, once all findings have been asked for."""
        del name
        return Whole(self.data, self.manifest.package, self._hashed.hexdigest(), None)

    def _next(self) -> Local | None:
        """Read a local header; None where something else comes."""
        self._mark = self._source.read(len(LOCAL))
        return read_local(self._source) if self._mark == LOCAL else None

    def _read_preamble(self) -> tuple[bytes, Manifest, Times]:
        found: list[Local] = []
        data = b""
        for _ in PREAMBLE:
            each = self._next()
            if not each or each.size > canonical.LIMIT:
                break
            found.append(each)
            data = b"".join(read_content(self._source, each.name, each.packed, each.size))
        if [each.name.partition("/")[2] for each in found] != PREAMBLE:
            raise ArtifactError(NO_MANIFEST)
        parsed = manifest.parse(data, MANIFEST)
        name, (directory, listed) = parsed.package.name, archive.reserved(data)
        times = Times(found[-1].clock)
        entries = (Entry(f"{name}/", DIR, 0o755, "root", "root"), directory, listed)
        offset = 0
        for each, entry, member in zip(found, entries, archive.preamble(data, name)):
            clock = times(entry)
            possible = is_possible(entry.type, each.size, each.packed)
            if not possible or local(member, clock, each.packed) != each.spelling:
                raise ArtifactError(STRANGE_MANIFEST)
            spelling = central(member, clock, each.packed, offset)
            self._found.append((entry, spelling))
            offset += len(each.spelling) + each.packed.size
        return data, parsed, times

    def _note(self, found: Local, entry: Entry | None) -> None:
        offset = self._source.offset - len(found.spelling)
        if entry:
            member = archive.member(entry, self.manifest.package.name)._replace(name=found.name)
            time = self.times(entry)
        else:
            member, time = Member(found.name, FILE, 0, "", "", found.size), found.clock
        self._found.append((entry, central(member, time, found.packed, offset)))

    def _compare(self, found: Local, entry: Entry, write: Write | None) -> Iterator[Finding]:
        """Hold a member and its content against its entry, all but what the directory tells."""
        kind = DIR if found.name.endswith("/") else LINK if entry.type == LINK else FILE
        clock = self.times(entry)
        if not is_possible(kind, found.size, found.packed) or is_strange(
            found, clock, entry.owner, entry.group
        ):
            raise ArtifactError(f"{shown(found.name)}: {STRANGE}")
        content = read_content(self._source, found.name, found.packed, found.size)
        wanted = entry.size if kind == FILE else len(entry.link.encode())
        if kind != entry.type:
            yield Finding(entry.path, f"type {kind}, the manifest says {entry.type}")
        elif found.size != wanted:
            yield Finding(entry.path, f"size {found.size}, the manifest says {wanted}")
        elif kind == LINK:
            link = b"".join(content).decode(errors="replace")
            yield from differences(entry._replace(link=link), entry)
            return
        elif kind == FILE:
            yield from content_difference(digested(entry, content, write), entry, entry)
            return
        pass_over(self._source, found)

    def _compare_directory(self) -> Iterator[Finding]:
        """Hold the central directory against the members, and the end against both."""
        start = self._source.offset - len(self._mark)
        if self._mark != CENTRAL:
            raise ArtifactError(f"is damaged at byte {start}: nothing of a zip begins there")
        for entry, spelling in self._found:
            if self._mark != CENTRAL:
                name = parse_central(spelling).name
                raise ArtifactError(f"{shown(name)}: the central directory does not list it")
            says = read_central(self._source)
            if says != spelling:
                yield from self._differences(entry, spelling, says)
            self._mark = self._source.read(len(CENTRAL))
        size = self._source.offset - len(self._mark) - start
        spelling = end(len(self._found), size, start)
        if self._mark + self._source.rest(len(spelling)) != spelling:
            raise ArtifactError("does not end where its central directory does, as it should")

    def _differences(self, entry: Entry | None, spelling: bytes, says: bytes) -> Iterator[Finding]:
        """Tell how a central header differs from the local one, or from the manifest."""
        wanted, found = parse_central(spelling), parse_central(says)
        path = entry.path if entry else wanted.name
        if found.name != wanted.name:
            yield Finding(path, f"is called {shown(found.name)} in the central directory")
        elif found.offset != wanted.offset:
            message = f"lies at byte {wanted.offset}, the central directory says {found.offset}"
            yield Finding(path, message)
        elif entry:
            kind = TYPES.get(stat.S_IFMT(found.mode), "unknown")
            actual = entry._replace(type=kind, mode=stat.S_IMODE(found.mode))
            told = [*differences(actual, entry, mode=stat.S_IMODE(wanted.mode))]
            if not told and all(path != finding.path for finding in self._told):
                told = [Finding(path, _UNLIKE)]
            yield from (finding for finding in told if finding not in self._told)
