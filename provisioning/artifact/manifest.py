"""Knows the manifest: what a package is and what lies in it, as canonical JSON."""

from __future__ import annotations

import re
from json.encoder import encode_basestring as _quoted
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact import canonical, package
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
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Manifest", "Package", "by_line", "dump", "join", "line", "lines", "parse"]

_FORM = canonical.Form("doit-provisioning/manifest/1", "entries")
_LARGEST_SIZE = 2**53  # what every reader of JSON can count to
_MODE = re.compile(r"[0-7]{4}")
_DIGEST = re.compile(r"[0-9a-f]{64}")

_OWNED = {"path": str, "type": str, "owner": str, "group": str}
_KEYS: dict[Any, dict[str, type]] = {
    FILE: {**_OWNED, "mode": str, "size": int, "digest": str},
    DIR: {**_OWNED, "mode": str},
    LINK: {**_OWNED, "link": str},
}

# How `dump` spells nearly every entry there is: a file, nothing in whose names needs an escape.
_TEXT = r"([ !#-\[\]-~]*)"
_PLAIN_FILE = re.compile(
    r'\{(?:"conffile":(true),)?"digest":"([0-9a-f]{64})",'
    rf'"group":"{_TEXT}","mode":"([0-7]{{4}})","owner":"{_TEXT}","path":"{_TEXT}",'
    r'"size":(0|[1-9][0-9]{0,14}),"type":"file"\}'
)


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
    same = (known or {}).get
    head, rows = canonical.parse(data, _FORM, where, lambda line: same(line) or _plain_file(line))
    about = _package(head, where)
    tree, entries = _Tree(), []
    for row in rows:
        plain = type(row) is Entry
        try:
            entry = row if plain else _sound(row)
            tree.add(entry)
        except ValueError as error:
            path = row.path if plain else row.get("path")
            raise ArtifactError(f"{where}: {shown(str(path))}: {error}") from None
        entries.append(entry)
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


def _plain_file(line: str) -> Entry | None:
    """The entry that a line spells if that is plainly a sound one, a file; else None."""
    match = _PLAIN_FILE.fullmatch(line)
    if not match:
        return None
    conffile, digest, group, mode, owner, path, size = match.groups()
    if path_fault(path) or owner_fault(owner) or owner_fault(group):
        return None
    # The same few owners again and again: 100,000 copies would be 10 MB.
    owner, group = intern(owner), intern(group)
    return Entry(path, FILE, int(mode, 8), owner, group, int(size), digest, "", bool(conffile))


def _sound(row: canonical.Row) -> Entry:
    entry = _entry(row)
    _demand_sound(entry)
    return entry


def _entry(row: canonical.Row) -> Entry:
    conffile = row.pop("conffile", None)
    if {key: type(value) for key, value in row.items()} != _KEYS.get(str(row.get("type"))):
        raise ValueError("does not hold exactly what an entry of its type holds")
    if conffile is not None and (conffile is not True or row["type"] != FILE):
        raise ValueError("conffile may only be true, and of a file")
    mode = row.pop("mode", "0777")
    if not _MODE.fullmatch(mode):
        raise ValueError(f'mode {shown(mode)} is not four octal digits, like "0644"')
    return Entry(mode=int(mode, 8), conffile=conffile is True, **row)


def _demand_sound(entry: Entry) -> None:
    fault = path_fault(entry.path) or _with("owner", entry.owner, owner_fault(entry.owner))
    fault = fault or _with("group", entry.group, owner_fault(entry.group))
    if entry.type == LINK:
        fault = fault or _with("target", entry.link, link_fault(entry.path, entry.link))
    elif entry.type == FILE and not 0 <= entry.size <= _LARGEST_SIZE:
        fault = fault or f"size {entry.size} is not between 0 and 2**53"
    elif entry.type == FILE and not _DIGEST.fullmatch(entry.digest):
        fault = fault or "its digest is not a SHA-256 in hexadecimal"
    if fault:
        raise ValueError(fault)


def _with(name: str, value: str, fault: str | None) -> str | None:
    return fault and f"its {name} {shown(value)} {fault}"


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
