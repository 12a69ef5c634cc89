"""The manifest of a package: its properties and entries, one entry a line."""

from __future__ import annotations

import re
from functools import partial
from itertools import repeat
from json.encoder import encode_basestring as _quoted
from operator import lt
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.model import canonical, package
from provisioning.artifact.model.entry import (
    DIR,
    FILE,
    LINK,
    MANIFEST,
    RESERVED,
    Entry,
    collision_key,
    link_fault,
    owner_fault,
    path_fault,
    shown,
    sound_keys,
)
from provisioning.artifact.model.package import Package
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LARGEST_SIZE = 2**53  # the largest integer that every JSON reader takes exactly
MODE = re.compile(r"[0-7]{4}")

# Text in quotation marks is checked afterwards, in columns.
_OWNED_LINE = r'"group":"([^"]*)","mode":"([^"]*)","owner":"([^"]*)","path":"([^"]*)"'
_FILE = re.compile(
    rf'\{{(?:"conffile":(true),)?"digest":"([^"]*)",{_OWNED_LINE},"size":([^"]*),"type":"file"\}}'
).fullmatch
_DIRECTORY = re.compile(rf'\{{{_OWNED_LINE},"type":"dir"\}}').fullmatch
_HEXADECIMAL, _DIGEST_LENGTH = b"0123456789abcdef", 64

_new_entry = partial(tuple.__new__, Entry)  # as Entry._make, without a Python call


def read_plain(lines: list[str]) -> list[Entry | None]:
    """The entries of many lines at once, in half the time.

    None for a line that needs a closer look: a link, or an entry with an unusual path.
    """
    matches = [_FILE(line) if line.isascii() else None for line in lines]
    files = _files([match.groups() for match in matches if match])
    return [next(files, None) if match else _directory(line) for match, line in zip(matches, lines)]


def _files(rows: list[tuple[str, ...]]) -> Iterator[Entry]:
    """Files, if all of them are valid; else none."""
    if not rows:
        return iter(())
    conffiles, digests, groups, modes, owners, paths, sizes = zip(*rows)
    bits, numbers = _bits(modes), _numbers(sizes)
    if not (bits and numbers and _are_digests(digests) and sound_keys(paths)):  # guard: sound-lines
        return iter(())
    if any(map(owner_fault, {*owners, *groups})):
        return iter(())
    # The same few owners again and again: 100,000 copies would be 10 MB.
    owned = map(intern, owners), map(intern, groups)
    modes_of = map(bits.__getitem__, modes)
    columns = zip(
        paths, repeat(FILE), modes_of, *owned, numbers, digests, repeat(""), map(bool, conffiles)
    )
    return map(_new_entry, columns)


def _bits(modes: tuple[str, ...]) -> dict[str, int]:
    """The number of each mode, if all are valid; else nothing."""
    few = {*modes}
    return {mode: int(mode, 8) for mode in few} if all(map(MODE.fullmatch, few)) else {}


def _numbers(sizes: tuple[str, ...]) -> list[int]:
    """The sizes as numbers, if all are valid and canonical; else nothing."""
    try:
        numbers = list(map(int, sizes))
    except ValueError:
        return []
    is_spelt = tuple(map(str, numbers)) == sizes
    return numbers if is_spelt and min(numbers) >= 0 and max(numbers) <= LARGEST_SIZE else []


def _are_digests(texts: tuple[str, ...]) -> bool:
    is_long = {*map(len, texts)} == {_DIGEST_LENGTH}
    return is_long and not "".join(texts).encode().translate(None, _HEXADECIMAL)


def _directory(line: str) -> Entry | None:
    match = _DIRECTORY(line)
    if not match:
        return None
    group, mode, owner, path = match.groups()
    # guard: directory-in-a-manifest
    if path_fault(path) or owner_fault(owner) or owner_fault(group) or not MODE.fullmatch(mode):
        return None
    return Entry(path, DIR, int(mode, 8), intern(owner), intern(group))


__all__ = ["Manifest", "Package", "by_line", "dump", "join", "line", "lines", "parse"]

_FORM = canonical.Form("doit-provisioning/manifest/1", "entries")
_DIGEST = re.compile(r"[0-9a-f]{64}")

_OWNED = {"path": str, "type": str, "owner": str, "group": str}
_KEYS: dict[Any, dict[str, type]] = {
    FILE: {**_OWNED, "mode": str, "size": int, "digest": str},
    DIR: {**_OWNED, "mode": str},
    LINK: {**_OWNED, "link": str},
}


class Manifest(NamedTuple):
    """A package and its entries, sorted by path."""

    package: Package
    entries: tuple[Entry, ...]


def dump(manifest: Manifest) -> bytes:
    """Encode a manifest: the same bytes for the same manifest, everywhere."""
    return join(manifest.package, [lines(manifest.entries)] if manifest.entries else [])


def lines(entries: Iterable[Entry]) -> bytes:
    """Encode some consecutive entries: their lines, with separators between them."""
    return ",\n".join(map(line, entries)).encode()


def join(about: Package, runs: Sequence[bytes | memoryview]) -> bytes:
    """Encode a manifest from `runs` of entries, as `lines` encodes them."""
    return canonical.frame(_FORM, {"package": package.plain(about)}, runs)


def by_line(data: bytes, parsed: Manifest) -> dict[str, Entry]:
    """The entries of a manifest by their lines; `parsed` is what `data` contains."""
    first = data.index(b"\n") + 1
    return dict(zip(data[first : -len("\n]}\n")].decode().split(",\n"), parsed.entries))


def parse(data: bytes, where: str, known: Mapping[str, Entry] | None = None) -> Manifest:
    """Read a manifest, and accept only what `dump` would encode, of a valid package.

    Entries `known` by their lines, from another manifest, take a third of the time.

    Raises ArtifactError, with `where` and the line or the path. A valid package has each path
    once, in order, in a directory of the package, and no two paths that are the same to some file
    system; no path and no link leaves it.
    """
    head, rows = canonical.parse(data, _FORM, where, partial(_quickly, known or {}))
    about = _package(head, where)
    entries, fault = list[Entry](), None
    try:
        for row in rows:
            entries.append(row if type(row) is Entry else _sound(row, where))
    except ArtifactError as error:
        fault = error
    _demand_tree(entries, where)  # faults in earlier lines are reported first
    if fault:
        raise fault
    return Manifest(about, tuple(entries))


def line(entry: Entry) -> str:
    """Encode one entry: as json.dumps with sorted keys, in a tenth of the time."""
    path, kind, mode, owner, group, size, digest, link, conffile = entry
    owned = f'"owner":{_quoted(owner)},"path":{_quoted(path)}'
    if kind == LINK:
        return f'{{"group":{_quoted(group)},"link":{_quoted(link)},{owned},"type":"link"}}'
    moded = f'"group":{_quoted(group)},"mode":"{mode:04o}",{owned}'
    if kind == DIR:
        return f'{{{moded},"type":"dir"}}'
    first = '"conffile":true,' if conffile else ""
    return f'{{{first}"digest":"{digest}",{moded},"size":{size},"type":"file"}}'


def _package(head: canonical.Row, where: str) -> Package:
    fields = head.pop("package", None)
    if head or type(fields) is not dict:
        raise ArtifactError(f"{where}: line 1: does not have exactly the fields of a package")
    try:
        return package.parse(fields)
    except ValueError as error:
        raise ArtifactError(f"{where}: line 1: {error}") from None


def _quickly(known: Mapping[str, Entry], some: list[str]) -> list[Entry | None]:
    """The entries of lines that are known or plain; None for others."""
    if not known:
        return read_plain(some)
    found = list(map(known.get, some))
    others = iter(read_plain([line for line, entry in zip(some, found) if not entry]))
    return [entry or next(others) for entry in found]


def _sound(row: canonical.Row, where: str) -> Entry:
    path = row.get("path")
    try:
        entry = _entry(row)
        _demand_sound(entry)
    except ValueError as error:
        raise ArtifactError(f"{where}: {shown(str(path))}: {error}") from None
    return entry


def _entry(row: canonical.Row) -> Entry:
    conffile = row.pop("conffile", None)
    if {key: type(value) for key, value in row.items()} != _KEYS.get(str(row.get("type"))):
        raise ValueError("does not have exactly the fields of its type")
    if conffile is not None and (conffile is not True or row["type"] != FILE):
        raise ValueError("conffile must be true, and only a file can have it")
    mode = row.pop("mode", "0777")
    if not MODE.fullmatch(mode):
        raise ValueError(f'mode {shown(mode)} is not four octal digits, like "0644"')
    return Entry(mode=int(mode, 8), conffile=conffile is True, **row)


def _demand_sound(entry: Entry) -> None:
    # guard: path-in-a-manifest
    fault = path_fault(entry.path) or _with("owner", entry.owner, owner_fault(entry.owner))
    fault = fault or _with("group", entry.group, owner_fault(entry.group))
    if entry.type == LINK:
        # guard: link-in-a-manifest
        fault = fault or _with("target", entry.link, link_fault(entry.path, entry.link))
    elif entry.type == FILE and not 0 <= entry.size <= LARGEST_SIZE:  # guard: size-in-a-manifest
        fault = fault or f"size {entry.size} is not between 0 and 2**53"
    elif entry.type == FILE and not _DIGEST.fullmatch(entry.digest):
        fault = fault or "its digest is not a SHA-256 in hexadecimal"
    if fault:
        raise ValueError(fault)


def _with(name: str, value: str, fault: str | None) -> str | None:
    return fault and f"its {name} {shown(value)} {fault}"


def _demand_tree(entries: list[Entry], where: str) -> None:
    """Check that each entry is allowed at its place, after those before it."""
    if _is_tree(entries):
        return
    tree = _SeenPaths()
    for entry in entries:
        try:
            tree.add(entry)
        except ValueError as error:
            raise ArtifactError(f"{where}: {shown(entry.path)}: {error}") from None


def _is_tree(entries: list[Entry]) -> bool:
    """Whether `_SeenPaths` would accept them all, in less time."""
    paths = [entry.path for entry in entries]
    keys = {*map(collision_key, (RESERVED, MANIFEST)), *map(collision_key, paths)}
    directories = {"", RESERVED, *(entry.path for entry in entries if entry.type == DIR)}
    above = {path.rpartition("/")[0] for path in paths}
    # In this order a directory comes before what it holds.
    in_order = all(map(lt, paths, paths[1:]))
    return in_order and len(keys) == len(paths) + 2 and above <= directories  # guard: sorted-lists


class _SeenPaths:
    """The entries before the next one, which may only lie in one of their directories."""

    def __init__(self) -> None:
        # The directory of the records is there, and the manifest in it.
        self._directories = {"", RESERVED}
        self._taken = {collision_key(path): path for path in (RESERVED, MANIFEST)}
        self._last = ""

    def add(self, entry: Entry) -> None:
        path = entry.path
        key = collision_key(path)
        # UTF-8 sorts as code points do, and so as str does: no need to encode.
        if path <= self._last:  # guard: entries-in-order
            raise ValueError("duplicate or unsorted path")
        if key in self._taken:  # guard: path-taken
            other = self._taken[key]
            raise ValueError(f"is the same path as {other} where case and accents do not count")
        if path.rpartition("/")[0] not in self._directories:  # guard: entry-below-no-directory
            raise ValueError("its directory is not listed before it")
        if entry.type == DIR:
            self._directories.add(path)
        self._taken[key] = self._last = path
