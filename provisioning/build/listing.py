"""Knows `collect.json`: what a package will hold, one entry a line, as text and as entries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as _quoted
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from provisioning.artifact import digest
from provisioning.artifact.entry import Entry
from provisioning.build import output
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

_JSON = {False: "false", True: "true"}
_TEMPLATE = ", true]"  # how the line of one ends
_NONSENSE = (ValueError, TypeError, LookupError)
_BEGIN, _BETWEEN, _END = "[\n", ",\n", "\n]\n"  # around lines, and between them
_SOME = 500  # entries that are made at a time


class Collected(NamedTuple):
    """An entry and the file of the project that its content comes from.

    A template's entry has neither size nor digest yet; those come from rendering.
    """

    entry: Entry
    source: str
    template: bool


class Edit(NamedTuple):
    """What made one listing of another, whose entries have the same paths."""

    basis: str
    """The content of that one."""
    numbers: frozenset[int]
    """The entries that may be others now."""


class Listing(Sequence[Collected]):
    """What a package will hold, in order.

    It keeps lines, and makes entries of them for whoever goes through them: those of 100,000 files
    would take 100 MB.
    """

    def __init__(self, lines: list[str], edit: Edit | None = None, content: str = "") -> None:
        self.lines = lines
        self._edit = edit
        self._content = content

    @classmethod
    def of(cls, collected: Iterable[Collected]) -> Listing:
        """The listing of entries that were made."""
        return cls([spell(each) for each in collected])

    @property
    def content(self) -> str:
        """The digest of all of it."""
        if not self._content:
            digest = hashlib.sha256()
            for part in dump(self.lines):
                digest.update(part)
            self._content = digest.hexdigest()
        return self._content

    @property
    def edit(self) -> Edit:
        """What made it of another one; of itself if it was made of none."""
        return self._edit or Edit(self.content, frozenset())

    def edited(self, entries: Mapping[int, Collected]) -> Listing:
        """The same but for some entries, by their numbers."""
        basis, numbers = self.edit
        lines = self.lines.copy()
        for number, each in entries.items():
            lines[number] = spell(each)
        return Listing(lines, Edit(basis, numbers.union(entries)))

    def templates(self) -> list[int]:
        """The numbers of the entries that are templates."""
        return [number for number, line in enumerate(self.lines) if line.endswith(_TEMPLATE)]

    def taken_from(self, sources: Collection[str]) -> dict[int, Collected]:
        """The entries whose content comes from one of `sources`, by their numbers."""
        last = set(map(_last_text, map(_quoted, sources)))
        numbers = [number for number, line in enumerate(self.lines) if _last_text(line) in last]
        found = {number: self[number] for number in numbers}
        return {number: each for number, each in found.items() if each.source in sources}

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[Collected]:
        for start in range(0, len(self.lines), _SOME):
            yield from _parse(self.lines[start : start + _SOME])

    @overload
    def __getitem__(self, some: int) -> Collected: ...
    @overload
    def __getitem__(self, some: slice) -> Sequence[Collected]: ...
    def __getitem__(self, some: int | slice) -> Collected | Sequence[Collected]:
        if isinstance(some, slice):
            return Listing(self.lines[some])
        return next(_parse([self.lines[some]]))


def spell(each: Collected) -> str:
    """The line of one entry: what json.dumps would spell, in a third of the time."""
    (path, kind, mode, owner, group, size, digest, link, conffile), source, template = each
    texts = f'{_quoted(path)}, "{kind}", {mode}, {_quoted(owner)}, {_quoted(group)}'
    rest = f'{size}, "{digest}", {_quoted(link)}, {_JSON[conffile]}, {_quoted(source)}'
    return f"[{texts}, {rest}, {_JSON[template]}]"


def dump(lines: Sequence[str]) -> Iterator[bytes]:
    """The parts of `collect.json`: one entry a line, so that a difference can be read."""
    before = _BEGIN
    for start in range(0, len(lines), _SOME):
        yield (before + _BETWEEN.join(lines[start : start + _SOME])).encode()
        before = _BETWEEN
    yield (_END if lines else _BEGIN + _END).encode()


def write(path: Path, listing: Listing) -> None:
    """Leave what was collected for the stages that follow."""
    output.write_all(path, dump(listing.lines))


def load(path: Path) -> Listing:
    """What `write` left in `path`.

    Raises:
        BuildError: somebody else wrote to it.
    """
    data = path.read_bytes()
    try:
        listing = Listing(_lines(data))
        for _ in listing:  # each line must mean an entry
            pass
    except _NONSENSE:
        listing = Listing([])
    if b"".join(dump(listing.lines)) != data:
        raise BuildError(f"{path}: not what the collect stage wrote; remove it")
    return listing


def recall(path: Path, content: str) -> Listing | None:
    """The listing with this content, if that is what still lies in `path`."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return Listing(_lines(data), content=content) if digest.of_bytes(data) == content else None


def collected_from(path: Path) -> set[str]:
    """The sources of what was left in `path`; none if that cannot be read."""
    try:
        return {each.source for each in Listing(_lines(path.read_bytes()))}
    except (OSError, *_NONSENSE):
        return set()


class Differing(NamedTuple):
    """Of two listings, what the other has not."""

    gone: Sequence[Collected]
    new: Sequence[Collected]


def differing(path: Path, listing: Listing) -> Differing:
    """What of the listing that was left in `path` is no more, and what of `listing` is new."""
    try:
        before = dict.fromkeys(_lines(path.read_bytes()))
        now = {*listing.lines}
        gone = list(Listing([line for line in before if line not in now]))
    except (OSError, *_NONSENSE):  # nothing was left, or somebody else wrote to it
        return Differing([], listing)
    return Differing(gone, Listing([line for line in listing.lines if line not in before]))


def _lines(data: bytes) -> list[str]:
    """What `dump` has joined; what else there is comes to lines that mean nothing."""
    text = data.decode()[len(_BEGIN) : -len(_END)]
    return text.split(_BETWEEN) if text else []


def _last_text(line: str) -> str:
    """The end of what stands between the last quotation marks of a line: of the source."""
    return line.rsplit('"', 2)[1]


def _parse(lines: list[str]) -> Iterator[Collected]:
    """What lines stand for; raises one of _NONSENSE where that is nothing."""
    rows: list[list[Any]] = json.loads(f"[{','.join(lines)}]")
    entries = map(Entry._make, [row[:-2] for row in rows])
    rest = [row[-2] for row in rows], [row[-1] for row in rows]
    return map(Collected._make, zip(entries, *rest, strict=True))
