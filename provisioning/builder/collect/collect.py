"""Collects what a package will hold, and stores it as a listing: text, one entry a line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import islice
from json.encoder import encode_basestring_ascii as _quoted
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from provisioning.artifact import filesystem
from provisioning.artifact.model.entry import FILE, Entry
from provisioning.builder.workspace import listings
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from provisioning.builder.collect.expand import Item
    from provisioning.builder.collect.file_state import Digests, FileState, Signature
    from provisioning.builder.collect.layout import Layout
    from provisioning.builder.workspace.paths import Workspace

_JSON = {False: "false", True: "true"}
_TEMPLATE = ", true]"  # how the line of one ends
_CODE = "[["  # how the line of code begins: with what it was made for, in brackets of its own
_BEGIN, _BETWEEN, _END = "[\n", ",\n", "\n]\n"  # around lines, and between them
_SOME = 500  # entries that are made at a time


class Collected(NamedTuple):
    """An entry and the file of the project that its content comes from.

    A template's entry has neither size nor digest yet; those come from rendering.
    """

    entry: Entry
    source: str
    template: bool
    made_for: str = ""
    """Of code, which machine or interpreter: see executables.py."""


class Edit(NamedTuple):
    """How a listing was made from another one, whose entries have the same paths."""

    basis: str
    """The content of that one."""
    numbers: frozenset[int]
    """The entries that may have changed."""


class Listing(Sequence[Collected]):
    """What a package will hold, in order.

    It keeps lines, and makes entries of them at each iteration: those of 100,000 files would take
    100 MB.
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
        """How it was made from another one; from itself if it was made from none."""
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

    def code(self) -> Iterator[Collected]:
        """The entries that are code of which it is known what it was made for."""
        yield from Listing([line for line in self.lines if line.startswith(_CODE)])

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
    """The line of one entry: what json.dumps would write, in a third of the time."""
    (path, kind, mode, owner, group, size, digest, link, conffile), source, template, code = each
    first = f"[{_quoted(code)}], " if code else ""
    texts = f'{_quoted(path)}, "{kind}", {mode}, {_quoted(owner)}, {_quoted(group)}'
    rest = f'{size}, "{digest}", {_quoted(link)}, {_JSON[conffile]}, {_quoted(source)}'
    return f"[{first}{texts}, {rest}, {_JSON[template]}]"


def dump(lines: Sequence[str]) -> Iterator[bytes]:
    """The parts of `collect.json`: one entry a line, so that a difference can be read."""
    before = _BEGIN
    for start in range(0, len(lines), _SOME):
        yield (before + _BETWEEN.join(lines[start : start + _SOME])).encode()
        before = _BETWEEN
    yield (_END if lines else _BEGIN + _END).encode()


def write(place: Workspace, listing: Listing, digests: Digests) -> None:
    """Leave what was collected for the stages that follow."""
    parts = dump(listing.lines)
    listings.keep(place, listing.content, parts, digests, listing.edit.basis)


def load(place: Workspace) -> Listing:
    """What `write` left.

    Raises:
        BuildError: somebody else wrote to it.
    """
    listing = recall(place, listings.named_by(place))
    if listing is None:
        raise BuildError(f"{place.collected}: not what the collect stage wrote; remove it")
    return listing


def recall(place: Workspace, content: str) -> Listing | None:
    """The listing with this content, if it is kept, and undamaged."""
    try:
        data = place.listing(content).read_bytes()
    except OSError:
        return None
    return Listing(_lines(data), content=content) if filesystem.of_bytes(data) == content else None


def collected_from(place: Workspace) -> set[str]:
    """The sources of what `write` left; none if that cannot be read."""
    listing = recall(place, listings.named_by(place))
    return {each.source for each in listing or ()}


class Differing(NamedTuple):
    """Of two listings, what the other has not."""

    gone: Sequence[Collected]
    new: Sequence[Collected]


def differing(place: Workspace, listing: Listing) -> Differing:
    """What is gone from the listing that was left, and what is new in `listing`."""
    before = recall(place, listings.named_by(place))
    if before is None:  # nothing was left, or somebody else wrote to it
        return Differing([], listing)
    old, now = dict.fromkeys(before.lines), {*listing.lines}
    gone = list(Listing([line for line in old if line not in now]))
    return Differing(gone, Listing([line for line in listing.lines if line not in old]))


def _lines(data: bytes) -> list[str]:
    """What `dump` has joined."""
    text = data.decode()[len(_BEGIN) : -len(_END)]
    return text.split(_BETWEEN) if text else []


def _last_text(line: str) -> str:
    """The end of what stands between the last quotation marks of a line: of the source."""
    return line.rsplit('"', 2)[1]


def _parse(lines: list[str]) -> Iterator[Collected]:
    """The values of lines."""
    rows: list[list[Any]] = json.loads(f"[{','.join(lines)}]")
    code = [row.pop(0)[0] if isinstance(row[0], list) else "" for row in rows]
    entries = map(Entry._make, [row[:-2] for row in rows])
    rest = [row[-2] for row in rows], [row[-1] for row in rows], code
    return map(Collected._make, zip(entries, *rest, strict=True))


class PathChange(NamedTuple):
    """What happened to one path of the package."""

    path: str
    source: str  # the file of the project, "" for what the spec alone makes
    how: tuple[str, ...]  # such as "added", or "content" and "mode 0644 → 0755"

    def __str__(self) -> str:
        named = self.source or self.path
        return f"{named}: {', '.join(self.how)}"


def changes(before: Iterable[Collected], after: Iterable[Collected]) -> Iterator[PathChange]:
    """Every path that differs, sorted."""
    old = {each.entry.path: each for each in before}
    new = {each.entry.path: each for each in after}
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            yield PathChange(path, new[path].source, ("added",))
        elif path not in new:
            yield PathChange(path, old[path].source, ("removed",))
        elif how := tuple(_differences(old[path], new[path])):
            yield PathChange(path, new[path].source, how)


def summary(differing: Differing, most: int) -> tuple[list[PathChange], int]:
    """At most so many of the paths that differ, and how many there are."""
    gone, new = differing
    if not gone:  # as before a first build; what is new is in order, and its first ones are enough
        return list(changes((), islice(new, most))), len(new)
    return list(islice(changes(gone, new), most)), len({each.entry.path for each in (*gone, *new)})


def _differences(old: Collected, new: Collected) -> Iterator[str]:
    if old.entry == new.entry and old[1:] == new[1:]:
        return
    if old.source != new.source:
        yield f"taken from {new.source or 'the spec'}, not {old.source or 'the spec'}"
    if old.template != new.template:
        yield "a template" if new.template else "no template"
    # Imported here: a build with nothing to do need not load it.
    from provisioning.artifact.difference import CONTENT, details  # noqa: PLC0415

    for detail in details(old.entry, new.entry):
        # A digest tells nobody anything, and what a template becomes is not known yet.
        yield CONTENT if detail.what == CONTENT else str(detail)


_EXECUTABLE = 0o111


def collect(layout: Layout, look: Callable[[str], FileState]) -> list[Collected]:
    """Look at every source of `layout`, and return what the package will hold.

    Raises:
        BuildError: with every source that vanished, cannot be read or became something else.
    """
    collected, faults = [], []
    for item in layout.items:
        try:
            collected.append(collect_one(item, look, layout.variant.file_mode))
        except OSError as error:
            faults.append(f"{item.source}: {error.strerror}")
        except BuildError as error:
            faults.append(str(error))
    if faults:
        raise BuildError("\n".join(faults))
    return collected


def collect_one(item: Item, look: Callable[[str], FileState], file_mode: int) -> Collected:
    """What the package will hold of one item.

    Raises:
        BuildError: its source became something else.
        OSError: it vanished, or cannot be read.
    """
    path, kind, mode, owner, group, source, template, link, conffile = item
    if not source or template:
        mode = file_mode if mode is None else mode
        entry = Entry(path, kind, mode, owner, group, link=link, conffile=conffile)
        return Collected(entry, source, template)
    held = look(source)
    if held.type != kind or held.link != link:  # guard: source-that-went-wrong
        raise BuildError(f"{source}: became a {held.type} while it was packaged; run doit again")
    mode = mode_of(item, file_mode, executable=held.executable)
    entry = Entry(path, kind, mode, owner, group, held.size, held.digest, link, conffile)
    return Collected(entry, source, template, held.made_for)


def mode_of(item: Item, file_mode: int, *, executable: bool) -> int:
    """The mode of an item; where its spec says none, `executable` is the bit of its source."""
    if item.mode is not None:
        return item.mode
    return file_mode | (_EXECUTABLE if executable else 0)


def recollect(listing: Listing, changed: Mapping[str, Signature], digests: Digests) -> Listing:
    """What the package will hold once some of the sources of `listing` hold something else.

    Nothing else is different: there are the same files, each of its kind. Raises like `collect`.
    """
    entries: dict[int, Collected] = {}
    faults: list[str] = []
    for number, each in listing.taken_from(changed).items():
        if each.template:
            continue  # what it holds is not known before it is rendered
        try:
            held = digests.hold(each.source, changed[each.source])
        except OSError as error:
            faults.append(f"{each.source}: {error.strerror}")
        except BuildError as error:
            faults.append(str(error))
        else:
            entry = each.entry._replace(size=held.size, digest=held.digest)
            entries[number] = each._replace(entry=entry, made_for=held.made_for)
    if faults:
        raise BuildError("\n".join(faults))
    return listing.edited(entries)


def complete(listing: Listing, rendered: Path, digests: Digests) -> Listing:
    """`listing` with each template replaced by what was rendered from it, below `rendered`.

    Raises:
        OSError: a template was not rendered.
        BuildError: something else lies there.
    """
    return listing.edited(
        {number: _rendered(listing[number], rendered, digests) for number in listing.templates()}
    )


def _rendered(each: Collected, rendered: Path, digests: Digests) -> Collected:
    source = str(rendered / each.entry.path)
    held = digests.look(source)
    if held.type != FILE:
        raise BuildError(f"{source}: not a file; remove it")
    entry = each.entry._replace(size=held.size, digest=held.digest)
    return Collected(entry=entry, source=source, template=False)
