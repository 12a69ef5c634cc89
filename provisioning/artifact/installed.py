"""Knows how a package lies once it is installed: what in its release, and what beside it.

A release holds what is the package's and never changes. What is the machine's lies beside the
releases, at the same path below the prefix, and outlives them: configuration files, and the
directories that a package holds nothing in. The release has a link to each where its own would be,
and the bytes of its configuration files in `CONFFILES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from provisioning.artifact.archive import reserved
from provisioning.artifact.entry import DIR, LINK, Entry
from provisioning.artifact.path import RESERVED, collision_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RELEASES, CURRENT, PREVIOUS, STATE = OWN = ("releases", "current", "previous", "state")
"""What lies in a prefix besides what is the machine's."""
CONFFILES = f"{RESERVED}/conffiles"
BESIDE = (".new", ".old")
"""What the name of a configuration file ends in where the vendor's, or an earlier one, is put."""

_CLIMB = "../" * 2  # from the top of a release to its prefix


class Installed(NamedTuple):
    """The entries of a package as they lie on a machine, sorted by path."""

    release: tuple[Entry, ...]
    """All that lies in the release."""
    conffiles: tuple[Entry, ...]
    """Configuration files, below the prefix."""
    data: tuple[Entry, ...]
    """Directories of data, below the prefix."""
    above: tuple[Entry, ...]
    """The directories on the way to those."""


def installed(data: bytes, entries: tuple[Entry, ...]) -> Installed:
    """Lay out the package with the manifest `data`, whose entries are `entries`."""
    kept = set(_kept(entries))
    conffiles = [entry for entry in entries if entry.conffile]
    ways = {above for entry in kept for above in _above(entry.path)}
    inside = [_link(entry) if entry in kept else entry for entry in entries]
    inside += [*reserved(data), *_stores(conffiles), *map(stored, conffiles)]
    return Installed(
        tuple(sorted(inside)),
        tuple(conffiles),
        tuple(entry for entry in entries if entry in kept and not entry.conffile),
        tuple(entry for entry in entries if entry.path in ways),
    )


def stored(entry: Entry) -> Entry:
    """A file of a package as it lies in a release."""
    if not entry.conffile:
        return entry
    return entry._replace(path=f"{CONFFILES}/{entry.path}", conffile=False)


class Placed(Protocol):
    """An entry, or what becomes one."""

    @property
    def path(self) -> str:
        """As that of an entry, and so are the others."""

    @property
    def type(self) -> str: ...

    @property
    def conffile(self) -> bool: ...


_P = TypeVar("_P", bound=Placed)


def faults(entries: Iterable[Placed]) -> Iterator[tuple[str, str]]:
    """Tell which paths of a package cannot lie where it is installed, and why."""
    entries = tuple(entries)
    for entry in entries:
        first = entry.path[:1] == RESERVED[0]  # as of few
        if first and f"{collision_key(entry.path)}/".startswith(f"{CONFFILES}/"):
            yield entry.path, "lies where the vendor's configuration files are put"
    kept = {collision_key(entry.path): entry for entry in _kept(entries)}
    for key, entry in kept.items():
        if key.partition("/")[0] in OWN:
            yield entry.path, f"lies in {entry.path.partition('/')[0]}, where releases are kept"
        for suffix in BESIDE if entry.conffile else ():
            if f"{key}{suffix}" in kept:
                other = kept[f"{key}{suffix}"].path
                yield other, f"is where a version of the configuration file {entry.path} is put"


def _kept(entries: Iterable[_P]) -> list[_P]:
    """What lives beside the releases."""
    entries = tuple(entries)
    some = [entry for entry in entries if entry.conffile or entry.type == DIR]
    filled = {entry.path.rpartition("/")[0] for entry in entries} if some else set()
    return [entry for entry in some if entry.path not in filled]


def _link(entry: Entry) -> Entry:
    target = "../" * entry.path.count("/") + _CLIMB + entry.path
    return Entry(entry.path, LINK, 0o777, entry.owner, entry.group, link=target)


def _stores(conffiles: Iterable[Entry]) -> Iterator[Entry]:
    paths = {CONFFILES} if conffiles else set()
    paths |= {f"{CONFFILES}/{above}" for entry in conffiles for above in _above(entry.path)}
    for path in paths:
        yield Entry(path, DIR, 0o755, "root", "root")


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path[: path.rindex("/")]
        yield path
