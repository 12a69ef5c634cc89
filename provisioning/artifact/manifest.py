"""Knows the manifest: what a package is and what lies in it, as canonical JSON."""

from __future__ import annotations

import re
from functools import partial
from json.encoder import encode_basestring as _quoted
from operator import lt
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact import canonical, package, plain
from provisioning.artifact.entry import DIR, FILE, LINK, Entry
from provisioning.artifact.owner import owner_fault
from provisioning.artifact.package import Package
from provisioning.artifact.path import (
    MANIFEST,
    RESERVED,
    collision_key,
    link_fault,
    path_fault,
    shown,
)
from provisioning.artifact.plain import LARGEST_SIZE, MODE
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
    """Spell a manifest: the same bytes for the same manifest, everywhere."""
    return join(manifest.package, [lines(manifest.entries)] if manifest.entries else [])


def lines(entries: Iterable[Entry]) -> bytes:
    """Spell a run of a manifest's entries: some lines of it, of which each but the last ends."""
    return ",\n".join(map(line, entries)).encode()


def join(about: Package, runs: Sequence[bytes | memoryview]) -> bytes:
    """Spell the manifest whose entries are `runs`, as `lines` has spelt them."""
    return canonical.frame(_FORM, {"package": package.plain(about)}, runs)


def by_line(data: bytes, parsed: Manifest) -> dict[str, Entry]:
    """The entries of a manifest by the lines that spell them, of which it was `parsed`."""
    first = data.index(b"\n") + 1
    return dict(zip(data[first : -len("\n]}\n")].decode().split(",\n"), parsed.entries))


def parse(data: bytes, where: str, known: Mapping[str, Entry] | None = None) -> Manifest:
    """Read a manifest, and accept only what `dump` would spell, of a package that is sound.

    What another manifest has too takes a third of the time, if its entries are `known` by line.

    Raises ArtifactError, which begins with `where` and tells the line or the path: a sound package
    holds each path once, in order, in a directory that it holds too, and no two paths that some
    file system takes for one; no path and no link leaves it.
    """
    head, rows = canonical.parse(data, _FORM, where, partial(_quickly, known or {}))
    about = _package(head, where)
    entries, fault = list[Entry](), None
    try:
        for row in rows:
            entries.append(row if type(row) is Entry else _sound(row, where))
    except ArtifactError as error:
        fault = error
    _demand_tree(entries, where)  # what is wrong in the lines before is told first
    if fault:
        raise fault
    return Manifest(about, tuple(entries))


def line(entry: Entry) -> str:
    """Spell one entry: what json.dumps would, with sorted keys, in a tenth of the time."""
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
        raise ArtifactError(f"{where}: line 1: does not hold exactly what a package is")
    try:
        return package.parse(fields)
    except ValueError as error:
        raise ArtifactError(f"{where}: line 1: {error}") from None


def _quickly(known: Mapping[str, Entry], some: list[str]) -> list[Entry | None]:
    """What can be made of lines in little time."""
    if not known:
        return plain.read(some)
    found = list(map(known.get, some))
    others = iter(plain.read([line for line, entry in zip(some, found) if not entry]))
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
        raise ValueError("does not hold exactly what an entry of its type holds")
    if conffile is not None and (conffile is not True or row["type"] != FILE):
        raise ValueError("conffile may only be true, and of a file")
    mode = row.pop("mode", "0777")
    if not MODE.fullmatch(mode):
        raise ValueError(f'mode {shown(mode)} is not four octal digits, like "0644"')
    return Entry(mode=int(mode, 8), conffile=conffile is True, **row)


def _demand_sound(entry: Entry) -> None:
    fault = path_fault(entry.path) or _with("owner", entry.owner, owner_fault(entry.owner))
    fault = fault or _with("group", entry.group, owner_fault(entry.group))
    if entry.type == LINK:
        fault = fault or _with("target", entry.link, link_fault(entry.path, entry.link))
    elif entry.type == FILE and not 0 <= entry.size <= LARGEST_SIZE:
        fault = fault or f"size {entry.size} is not between 0 and 2**53"
    elif entry.type == FILE and not _DIGEST.fullmatch(entry.digest):
        fault = fault or "its digest is not a SHA-256 in hexadecimal"
    if fault:
        raise ValueError(fault)


def _with(name: str, value: str, fault: str | None) -> str | None:
    return fault and f"its {name} {shown(value)} {fault}"


def _demand_tree(entries: list[Entry], where: str) -> None:
    """Demand that each entry may lie where it does, after those before it."""
    if _is_tree(entries):
        return
    tree = _Tree()
    for entry in entries:
        try:
            tree.add(entry)
        except ValueError as error:
            raise ArtifactError(f"{where}: {shown(entry.path)}: {error}") from None


def _is_tree(entries: list[Entry]) -> bool:
    """Tell whether `_Tree` takes them all, in less time."""
    paths = [entry.path for entry in entries]
    keys = {*map(collision_key, (RESERVED, MANIFEST)), *map(collision_key, paths)}
    directories = {"", RESERVED, *(entry.path for entry in entries if entry.type == DIR)}
    above = {path.rpartition("/")[0] for path in paths}
    # In this order a directory comes before what it holds.
    in_order = all(map(lt, paths, paths[1:]))
    return in_order and len(keys) == len(paths) + 2 and above <= directories


class _Tree:
    """The entries seen so far, which say where the next one may lie."""

    def __init__(self) -> None:
        # The directory of the records is there, and the manifest in it.
        self._directories = {"", RESERVED}
        self._taken = {collision_key(path): path for path in (RESERVED, MANIFEST)}
        self._last = ""

    def add(self, entry: Entry) -> None:
        path = entry.path
        key = collision_key(path)
        # UTF-8 sorts as code points do, and so as str does: no need to encode.
        if path <= self._last:
            raise ValueError("stands twice, or out of order")
        if key in self._taken:
            other = self._taken[key]
            raise ValueError(f"is the same path as {other} where case and accents do not count")
        if path.rpartition("/")[0] not in self._directories:
            raise ValueError("its directory is not listed before it")
        if entry.type == DIR:
            self._directories.add(path)
        self._taken[key] = self._last = path
