"""Knows how to look into a package wherever it lies, in any format, and verifies it on the way."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING, Protocol

from provisioning.artifact import tree
from provisioning.artifact.descent import Descent
from provisioning.artifact.files import open_regular, reason
from provisioning.artifact.format import reader
from provisioning.artifact.release import artifacts, is_tree
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path
    from typing import TypeVar

    from provisioning.artifact.entry import Entry
    from provisioning.artifact.manifest import Manifest

    T = TypeVar("T")

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHANGED = "changed while it was read; try again"


class View(Protocol):
    """One state of a package, wherever it comes from."""

    @property
    def manifest(self) -> Manifest:
        """What is meant to be in it."""

    def contents(self, wanted: Collection[str]) -> dict[str, bytes]:
        """Read all of it, and return what the files at the paths `wanted` hold.

        Raises ProvisioningError where anything is not as the manifest says.
        """


def view(path: Path, called: str) -> View:
    """Look into an artifact: a file, the directory of a package, or a release that holds some.

    Raises ArtifactError, here and later, for whatever is damaged or cannot be read; it begins with
    what the artifact is `called`.
    """
    found = _told(called, lambda: _find(path))
    if found != path:
        called = os.path.join(called, found.name)
    kind = _Tree if os.path.isdir(found) else _Packed
    return _told(called, lambda: kind(found, called))


def _find(path: Path) -> Path:
    """Of the artifacts of a release, which all hold the same, the first; others are themselves."""
    if not os.path.isdir(path) or is_tree(path):
        return path
    found = artifacts(path)
    if not found:
        raise ArtifactError("holds no artifact")
    return found[0]


def _told(called: str, look: Callable[[], T]) -> T:
    """What `look` returns; whatever it raises begins with a name."""
    try:
        return look()
    except (ArtifactError, OSError) as error:
        raise ArtifactError(f"{called}: {reason(error)}") from None


class _Packed:
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
    """What `blocks` hold; where that is more than `size`, which is a finding, no more of it."""
    content = b""
    for block in blocks:
        content += block
        if len(content) > size:
            break
    return content


class _Tree:
    """The directory of a package: see View."""

    def __init__(self, path: Path, called: str) -> None:
        self._path, self._called = path, called
        _, self.manifest = tree.read_manifest(path)

    def contents(self, wanted: Collection[str]) -> dict[str, bytes]:
        return _told(self._called, lambda: dict(self._contents(frozenset(wanted))))

    def _contents(self, wanted: frozenset[str]) -> Iterator[tuple[str, bytes]]:
        for finding in tree.compare(self.manifest, self._path).findings:
            raise ArtifactError(str(finding))
        with Descent(self._path) as root:
            for entry in self.manifest.entries:
                if entry.path in wanted:
                    yield entry.path, _read(root, entry)


def _read(root: Descent, entry: Entry) -> bytes:
    """What a file holds that was found to be what its entry says."""
    parent, name = root.to(entry.path)
    with open(os.open(name, _READ, dir_fd=parent), "rb", buffering=0) as file:
        content = _bounded(iter(partial(file.read, entry.size + 1), b""), entry.size)
    if hashlib.sha256(content).hexdigest() != entry.digest:
        raise ArtifactError(f"{entry.path}: {_CHANGED}")
    return content
