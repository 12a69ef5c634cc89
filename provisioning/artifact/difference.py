"""Compares two states of a package: properties, entries, and the lines of texts."""

from __future__ import annotations

import hashlib
import json
import os
import re
from difflib import SequenceMatcher
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from provisioning.artifact import contents
from provisioning.artifact.filesystem import Descent, open_regular, reason
from provisioning.artifact.formats import reader
from provisioning.artifact.model import manifest
from provisioning.artifact.model.entry import LINK, shown
from provisioning.artifact.model.release import artifacts, is_tree
from provisioning.console import printable
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeVar

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest

    T = TypeVar("T")

MOST_LINES = 2000  # from the first that differs to the last: the time grows with their square
_LONGEST_LINE = 1000  # characters; nobody reads longer ones
_AROUND = 3  # equal lines that are shown before and after those that differ
_NO_NEWLINE = "\\ No newline at end of file"


class Text(NamedTuple):
    """The lines of a unified difference, or why there are none."""

    lines: tuple[str, ...] = ()
    why_not: str = ""


def unified(old: bytes, new: bytes) -> Text:
    """The unified difference of two texts, printable on any terminal.

    The lines begin as those of `diff -u` do: with a space, "-", "+", "@" or a backslash.
    """
    before, after = _lines(old), _lines(new)
    if before is None or after is None:
        return Text(why_not="it is not UTF-8 text")
    skipped = _common(before, after)
    behind = _common(before[skipped:][::-1], after[skipped:][::-1])
    first, behind = max(skipped - _AROUND, 0), max(behind - _AROUND, 0)
    before, after = before[first : len(before) - behind], after[first : len(after) - behind]
    if max(len(before), len(after)) > MOST_LINES:
        return Text(why_not=f"the differences spread over more than {MOST_LINES} lines")
    lines = tuple(_hunks(before, after, first))
    if max(map(len, lines)) > len("+") + _LONGEST_LINE:
        return Text(why_not=f"it has a line of more than {_LONGEST_LINE} characters")
    return Text(lines)


def _lines(content: bytes) -> list[str] | None:
    """The lines of a text, each with its newline; None if it is not text.

    str.splitlines would cut at characters that no editor and no diff takes for the end of a line.
    """
    if b"\0" in content:
        return None
    try:
        *lines, last = content.decode().split("\n")
    except UnicodeDecodeError:
        return None
    return [*(f"{line}\n" for line in lines), *([last] if last else [])]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines are the same at the beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other)))


def _hunks(old: Sequence[str], new: Sequence[str], skipped: int) -> Iterator[str]:
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(_AROUND):
        _, old_start, _, new_start, _ = group[0]
        _, _, old_end, _, new_end = group[-1]
        spans = _span(old_start, old_end, skipped), _span(new_start, new_end, skipped)
        yield f"@@ -{spans[0]} +{spans[1]} @@"
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                yield from _marked(" ", old[old_from:old_to])
            else:
                yield from _marked("-", old[old_from:old_to])
                yield from _marked("+", new[new_from:new_to])


def _span(start: int, end: int, skipped: int) -> str:
    """The numbers of lines as diff(1) writes them: for no lines, the one before."""
    first = skipped + start + (start != end)
    return f"{first},{end - start}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + printable(line.rstrip("\n"), but="\t")
        if not line.endswith("\n"):
            yield _NO_NEWLINE


ADDED, REMOVED, CHANGED = "added", "removed", "changed"
CONTENT = "content"
"""The detail of a file whose content changed; its values are digests."""

_IDENTITY = "package."
_FOLLOWS = "package.debian_files"  # from all else, and from which version of this tool spelt them
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHOWN_DIGEST = 16
_LONGEST = 200  # characters of a value that are shown


class Detail(NamedTuple):
    """One difference; a value is as in JSON, or None if there is none."""

    what: str
    old: Any
    new: Any

    @property
    def name(self) -> str:
        """Its name for people: `version`, not `package.version`."""
        return shown(self.what.removeprefix(_IDENTITY))

    def __str__(self) -> str:
        return f"{self.name} {spelled(self.old)} → {spelled(self.new)}"


class Change(NamedTuple):
    """What happened to one path; `old` is None if it was added, `new` if it was removed."""

    path: str
    old: Entry | None
    new: Entry | None
    details: tuple[Detail, ...] = ()  # of what was changed

    @property
    def kind(self) -> str:
        """ADDED, REMOVED or CHANGED."""
        if self.old is None:
            return ADDED
        return REMOVED if self.new is None else CHANGED

    @property
    def sizes(self) -> tuple[int, int]:
        """The bytes of content before and after."""
        return (self.old.size if self.old else 0, self.new.size if self.new else 0)

    def holds_other_bytes(self) -> bool:
        """Whether it was and is a file, and its content changed."""
        return any(detail.what == CONTENT for detail in self.details)


class Difference(NamedTuple):
    """How one manifest differs from another; both lists are empty if they are equal."""

    head: tuple[Detail, ...]
    """Properties of the package, of services, and so on."""
    changes: tuple[Change, ...]
    """Entries, sorted by path."""


def compare(old: Manifest, new: Manifest) -> Difference:
    """All that differs, except what follows from other differences."""
    head, changes = tuple(properties(_said(old), _said(new))), tuple(_changes(old, new))
    told = tuple(detail for detail in head if not detail.what.startswith(_FOLLOWS))
    return Difference(told if told or changes else head, changes)


def details(old: Entry, new: Entry) -> Iterator[Detail]:
    """What differs between two entries of one path.

    If the type changed, what only one of the two types has is not reported.
    """
    if old == new:
        return
    before, after = _fields(old), _fields(new)
    for what, value in before.items():
        if value != after[what] and not _goes_with_type(what, old, new):
            yield Detail(what, value, after[what])


def spelled(value: Any) -> str:
    """A value for people: text as it is, a long digest shortened."""
    if value is None:
        return "none"
    text = value if value and isinstance(value, str) else _json(value)
    if _DIGEST.fullmatch(text):
        return f"{text[:_SHOWN_DIGEST]}…"
    return shown(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _fields(entry: Entry) -> dict[str, Any]:
    """The fields of an entry by the names that users know; its size goes with its content."""
    fields = entry._asdict()
    del fields["path"], fields["size"]
    fields["mode"] = f"{entry.mode:04o}"
    fields["link"] = entry.link or None
    fields[CONTENT] = fields.pop("digest")
    return fields


def _goes_with_type(what: str, old: Entry, new: Entry) -> bool:
    if old.type == new.type:
        return False
    return what == CONTENT or (what == "mode" and LINK in {old.type, new.type})


def _changes(old: Manifest, new: Manifest) -> Iterator[Change]:
    if old.entries == new.entries:
        return
    before = {entry.path: entry for entry in old.entries}
    after = {entry.path: entry for entry in new.entries}
    for path in sorted({*before, *after}):
        was, now = before.get(path), after.get(path)
        if was is None or now is None:
            yield Change(path, was, now)
        elif was != now:
            yield Change(path, was, now, tuple(details(was, now)))


def properties(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Detail]:
    """What differs between two JSON objects at any depth; `what` is the path to it.

    In a list of maps with names, the path uses the names, as in `services.web.exec`.
    """
    before, after = (dict(_leaves(each, ())) for each in (old, new))
    # If a map is empty on one side, the values on the other side are the differences.
    filled = {key[:length] for key in (*before, *after) for length in range(len(key))}
    for key in {**before, **after}:  # in the order in which they are spelt
        if key in filled and {} in (before.get(key), after.get(key)):
            continue
        if key not in before or key not in after or _json(before[key]) != _json(after[key]):
            yield Detail(".".join(key), before.get(key), after.get(key))


def _said(of: Manifest) -> dict[str, Any]:
    """All properties in a manifest, without its entries."""
    said: dict[str, Any] = json.loads(manifest.dump(of._replace(entries=())))
    del said["entries"]
    return said


def _leaves(value: Any, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The single values in `value`, each with its path."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _leaves(each, (*key, name))
    elif isinstance(value, list) and (names := _names(value)):
        yield key, names  # their order, too
        for name, each in zip(names, value):
            yield from _leaves(each, (*key, name))
    else:
        yield key, value


def _names(items: list[Any]) -> list[str]:
    """The names of the maps in a list if each has its own; else nothing."""
    names = [each["name"] for each in items if isinstance(each, dict) and "name" in each]
    distinct = len({*map(str, names)}) == len(items)
    return names if distinct and all(isinstance(name, str) for name in names) else []


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHANGED = "changed while it was read; try again"


class View(Protocol):
    """One state of a package, wherever it comes from."""

    @property
    def manifest(self) -> Manifest:
        """What it should contain."""

    def contents(self, wanted: Collection[str]) -> dict[str, bytes]:
        """Read all of it, and return what the files at the paths `wanted` hold.

        Raises ProvisioningError where anything is not as the manifest says.
        """


def view(path: Path, called: str) -> View:
    """Open an artifact: a file, the directory of a package, or a release with artifacts.

    Raises ArtifactError, here and later, for what is damaged or unreadable; its message begins
    with `called`.
    """
    found = _told(called, lambda: _find(path))
    if found != path:
        called = os.path.join(called, found.name)
    kind = _TreeView if os.path.isdir(found) else _PackedView
    return _told(called, lambda: kind(found, called))


def _find(path: Path) -> Path:
    """The first artifact of a release, which all have the same contents; else `path` itself."""
    if not os.path.isdir(path) or is_tree(path):
        return path
    found = artifacts(path)
    if not found:
        raise ArtifactError("holds no artifact")
    return found[0]


def _told(called: str, look: Callable[[], T]) -> T:
    """What `look` returns; messages of what it raises begin with `called`."""
    try:
        return look()
    except (ArtifactError, OSError) as error:
        raise ArtifactError(f"{called}: {reason(error)}") from None


class _PackedView:
    """An artifact that is a file: see View."""

    def __init__(self, path: Path, called: str) -> None:
        self._path, self._called = path, called
        with open_regular(path) as file:
            reading = reader(file, path.name)
            self._data, self.manifest = reading.data, reading.manifest

    def contents(self, wanted: Collection[str]) -> dict[str, bytes]:
        return _told(self._called, lambda: self._contents(frozenset(wanted)))

    def _contents(self, wanted: frozenset[str]) -> dict[str, bytes]:
        kept: dict[str, bytes] = {}

        def keep(entry: Entry, blocks: Iterable[bytes]) -> None:
            if entry.path in wanted:
                kept[entry.path] = _bounded(blocks, entry.size)

        with open_regular(self._path) as file:
            reading = reader(file, self._path.name)
            if reading.data != self._data:
                raise ArtifactError(_CHANGED)
            for finding in reading.findings(keep):
                raise ArtifactError(str(finding))
        return kept


def _bounded(blocks: Iterable[bytes], size: int) -> bytes:
    """The content in `blocks`, not much more than `size` bytes: a larger one is a finding."""
    content = b""
    for block in blocks:
        content += block
        if len(content) > size:
            break
    return content


class _TreeView:
    """The directory of a package: see View."""

    def __init__(self, path: Path, called: str) -> None:
        self._path, self._called = path, called
        _, self.manifest = contents.read_manifest(path)

    def contents(self, wanted: Collection[str]) -> dict[str, bytes]:
        return _told(self._called, lambda: dict(self._contents(frozenset(wanted))))

    def _contents(self, wanted: frozenset[str]) -> Iterator[tuple[str, bytes]]:
        for finding in contents.compare(self.manifest, self._path).findings:
            raise ArtifactError(str(finding))
        with Descent(self._path) as root:
            for entry in self.manifest.entries:
                if entry.path in wanted:
                    yield entry.path, _read(root, entry)


def _read(root: Descent, entry: Entry) -> bytes:
    """The content of a file that has just been compared with its entry."""
    parent, name = root.to(entry.path)
    with open(os.open(name, _READ, dir_fd=parent), "rb", buffering=0) as file:
        content = _bounded(iter(partial(file.read, entry.size + 1), b""), entry.size)
    if hashlib.sha256(content).hexdigest() != entry.digest:
        raise ArtifactError(f"{entry.path}: {_CHANGED}")
    return content


LARGEST = 256 * 1024  # bytes of a file: more than anyone writes by hand
_MOST_KEPT = 32 * 1024 * 1024  # bytes of all of them, before and after
_MOST_LINES = 100_000  # of all differences: more than anyone reads


def texts(
    old: View, new: View, changes: Iterable[Change], why_not: Callable[[Change], str]
) -> dict[str, Text]:
    """Read both states to their ends, and compare the texts of files that were changed.

    Without `changes`, both are read all the same. `why_not` returns why a file must not be shown.
    Raises ProvisioningError if a state is not what its manifest says.
    """
    found, wanted, room = dict[str, Text](), list[str](), _MOST_KEPT
    for change in changes:
        if change.holds_other_bytes():
            size = sum(change.sizes)
            reason = _too_large(change) or why_not(change)
            if not reason and size > room:
                reason = "too many other files differ"
            found[change.path] = Text(why_not=reason)
            if not reason:
                room -= size
                wanted.append(change.path)
    before, after = old.contents(wanted), new.contents(wanted)
    told = 0
    for path in wanted:
        if told > _MOST_LINES:
            found[path] = Text(why_not="the differences of other files already fill too many lines")
            continue
        found[path] = unified(before[path], after[path])
        told += len(found[path].lines)
    return found


def _too_large(change: Change) -> str:
    return f"it is larger than {LARGEST // 1024}K" if max(change.sizes) > LARGEST else ""
