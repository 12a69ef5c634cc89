"""The listings of all variants, each stored once under its digest."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from provisioning.builder.workspace import output
from provisioning.builder.workspace.paths import BASIS
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.workspace.paths import Workspace

_DIGITS = 64  # of the digest with which all names begin
_CUTS = ".groups"  # ends the names of the others: see Workspace.groups


def named_by(place: Workspace) -> str:
    """The digest of a variant's listing; "" if that cannot be read."""
    return _named_in(place.collected)


def keep(
    place: Workspace, content: str, parts: Iterable[bytes], digests: Digests, basis: str = ""
) -> None:
    """Make this listing the variant's; it is written only if it is not already stored intact.

    `basis` is the one that it was made from: how that was cut is of use when this one is packed.
    """
    path = place.listing(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.parent):
        if not is_whole(place, content, digests):
            output.write_all(path, parts)
            digests.wrote(str(path), content)
        output.write(place.collected, f"{json.dumps(content)}\n".encode())
        output.remember(place.basis, (f"{json.dumps(basis)}\n".encode(),))
        _sweep(path.parent, content)


def is_whole(place: Workspace, content: str, digests: Digests) -> bool:
    """Whether the listing with this digest is stored, undamaged."""
    try:
        return digests.look(str(place.listing(content))).digest == content
    except (OSError, BuildError):
        return False


def sweep(place: Workspace) -> None:
    """Remove the listings that no variant uses. Raises no OSError."""
    if place.listings.is_dir():
        with suppress(OSError), _alone(place.listings):
            _sweep(place.listings)
            os.rmdir(place.listings)


def _sweep(directory: Path, known: str = "") -> None:
    """Remove the listings that no variant uses, and the cuts of those that none was made from."""
    others = [name for name in os.listdir(directory) if name[:_DIGITS] != known]
    if not others:
        return
    named = {_named_in(path) for path in directory.parent.glob("*/*/collect.json")}
    bases = {_named_in(path) for path in directory.parent.glob(f"*/*/{BASIS}")}
    for name in others:
        used = named | bases if name.endswith(_CUTS) else named
        # A temporary file may belong to a process that is still writing.
        if not name.startswith(".") and name[:_DIGITS] not in used:
            (directory / name).unlink(missing_ok=True)
        elif name.startswith("."):
            output.sweep_old(directory / name[1:].partition(".")[0])


def _named_in(path: Path) -> str:
    try:
        named = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return ""
    return named if isinstance(named, str) and len(named) == _DIGITS else ""


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the lock on which listings are in use."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
