"""Knows what of a package lies beside its releases: what a removal leaves, what a purge takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.installed import BESIDE
from provisioning.artifact.path import DEVICE
from provisioning.target import configuration, made
from provisioning.target.conffile import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.target.home import Home
    from provisioning.target.releases import Release

_WORDS = {
    "configuration": "as it was installed",
    "edited": "it was edited",
    "beside": "it lies beside an edited one",
    "device": "the values of this machine",
    "data": "data",
    "directory": "if nothing else is in it",
    "before": "it was not made by the package",
}


class Stay(NamedTuple):
    """A path below the prefix that is left alone, or would be removed."""

    path: str
    what: str
    """A key of _WORDS."""

    def __str__(self) -> str:
        return f"{self.path}: stays, {_WORDS[self.what]}"

    @property
    def goes(self) -> str:
        """The same of what would be removed."""
        return f"remove {self.path}: {_WORDS[self.what]}"


def stays(home: Home, about: Release) -> tuple[Stay, ...]:
    """What there is of a package's configuration and data, sorted by path."""
    return tuple(sorted(_stays(home, about)))


def goes(home: Home, about: Release | None) -> tuple[Stay, ...]:
    """What a purge removes beside the releases, sorted by path."""
    words = {stay.path: stay.what for stay in _stays(home, about)} if about else {}
    kinds = made.known(home, about)
    own = {path: kind for path, kind in kinds.items() if kind != made.OTHER and path != made.PREFIX}
    found = {path: _kind(path, kind, words) for path, kind in own.items()}
    return tuple(Stay(path, what) for path, what in sorted(found.items()))


def spared(home: Home, about: Release) -> tuple[Stay, ...]:
    """What there is of a package's configuration and data that a purge leaves."""
    kinds = made.known(home, about)
    found = (stay.path for stay in _stays(home, about) if not made.goes(home, stay.path, kinds))
    return tuple(Stay(path, "before") for path in sorted(found))


def _kind(path: str, kind: str, words: dict[str, str]) -> str:
    if kind != made.FILE:
        return kind
    beside = "beside" if path.endswith(BESIDE) else "edited"  # of a release that is no more
    return words.get(path, beside)


def _stays(home: Home, about: Release) -> Iterator[Stay]:
    for entry in about.layout.conffiles:
        found = configuration.look(home, entry.path).digest
        if found != ABSENT:
            yield Stay(entry.path, "configuration" if found == entry.digest else "edited")
        for name in (entry.path + suffix for suffix in BESIDE):
            if home.directory.status(name):
                yield Stay(name, "beside")
    for entry in about.layout.data:
        if home.directory.status(entry.path):
            yield Stay(entry.path, "data")
    if about.package.device and home.directory.status(DEVICE):
        yield Stay(DEVICE, "device")
