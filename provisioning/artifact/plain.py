"""Knows how plain lines of a manifest are read, many at a time: in half the time, or not at all."""

from __future__ import annotations

import re
from functools import partial
from itertools import repeat
from sys import intern
from typing import TYPE_CHECKING

from provisioning.artifact.entry import DIR, FILE, Entry
from provisioning.artifact.owner import owner_fault
from provisioning.artifact.path import path_fault, sound_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_SIZE = 2**53  # what every reader of JSON can count to
MODE = re.compile(r"[0-7]{4}")

# What stands between quotation marks is looked at afterwards, in columns.
_OWNED = r'"group":"([^"]*)","mode":"([^"]*)","owner":"([^"]*)","path":"([^"]*)"'
_FILE = re.compile(
    rf'\{{(?:"conffile":(true),)?"digest":"([^"]*)",{_OWNED},"size":([^"]*),"type":"file"\}}'
).fullmatch
_DIRECTORY = re.compile(rf'\{{{_OWNED},"type":"dir"\}}').fullmatch
_HEXADECIMAL, _DIGEST_LENGTH = b"0123456789abcdef", 64

_entry = partial(tuple.__new__, Entry)  # as Entry._make, without a call of Python's


def read(lines: list[str]) -> list[Entry | None]:
    """The entries that lines spell, in the one way; None for what is not plainly sound.

    Plain is a file or a directory in whose path is no character that needs a thought.
    """
    matches = [_FILE(line) if line.isascii() else None for line in lines]
    files = _files([match.groups() for match in matches if match])
    return [next(files, None) if match else _directory(line) for match, line in zip(matches, lines)]


def _files(rows: list[tuple[str, ...]]) -> Iterator[Entry]:
    """Files, if all of them are sound; else none."""
    if not rows:
        return iter(())
    conffiles, digests, groups, modes, owners, paths, sizes = zip(*rows)
    bits, numbers = _bits(modes), _numbers(sizes)
    if not (bits and numbers and _are_digests(digests) and sound_keys(paths)):
        return iter(())
    if any(map(owner_fault, {*owners, *groups})):
        return iter(())
    # The same few owners again and again: 100,000 copies would be 10 MB.
    owned = map(intern, owners), map(intern, groups)
    modes_of = map(bits.__getitem__, modes)
    columns = zip(
        paths, repeat(FILE), modes_of, *owned, numbers, digests, repeat(""), map(bool, conffiles)
    )
    return map(_entry, columns)


def _bits(modes: tuple[str, ...]) -> dict[str, int]:
    """What each of the modes means, if each means something."""
    few = {*modes}
    return {mode: int(mode, 8) for mode in few} if all(map(MODE.fullmatch, few)) else {}


def _numbers(sizes: tuple[str, ...]) -> list[int]:
    """The numbers that are spelt, if each is, in the one way, and of a size."""
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
    if path_fault(path) or owner_fault(owner) or owner_fault(group) or not MODE.fullmatch(mode):
        return None
    return Entry(path, DIR, int(mode, 8), intern(owner), intern(group))
