"""Knows what of a package stays on a machine once its releases are removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.installed import BESIDE
from provisioning.artifact.path import DEVICE
from provisioning.target import configuration
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
}


class Stay(NamedTuple):
    """A path below the prefix that is left alone."""

    path: str
    what: str
    """A key of _WORDS."""

    def __str__(self) -> str:
        return f"{self.path}: stays, {_WORDS[self.what]}"


def stays(home: Home, about: Release) -> tuple[Stay, ...]:
    """What there is of a package's configuration and data, sorted by path."""
    return tuple(sorted(_stays(home, about)))


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
