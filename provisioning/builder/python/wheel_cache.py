"""The cache of wheels, shared by all projects and platforms of a user: each is unpacked once.

    wheels/DIGEST/wheel.json       what the wheel holds, written last: see `Unpacked`
    wheels/DIGEST/files/…          its files, by scheme: site/, data/, scripts/
    indexes/…                      the files that an index has named for a requirement

DIGEST is the SHA-256 of the wheel. What is there is complete, and never changes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.spec.model.variant import Environment, Wheel

PLACE = "PROVISIONING_CACHE"
"""The environment variable that says where the cache lies."""
_NAME = "doit-provisioning"
FACTS = "wheel.json"
_TEMPORARY = ".unpacking-"
_OLD = 3600  # seconds: no wheel takes as long
SITE, DATA, SCRIPTS = "site", "data", "scripts"
"""Where the files of a wheel belong: among the modules, below the prefix, beside the programs."""


class HeldFile(NamedTuple):
    """A file of a wheel."""

    scheme: str
    """SITE, DATA or SCRIPTS."""
    path: str
    """Where it belongs there: POSIX."""
    executable: bool
    digest: str
    """Its SHA-256, in hexadecimal."""


class Unpacked(NamedTuple):
    """A wheel that lies unpacked in the cache."""

    directory: str
    files: tuple[HeldFile, ...]
    entry_points: tuple[tuple[str, str], ...]
    """Its console scripts: names, and what each calls, as in `app.cli:main`."""

    def source(self, file: HeldFile) -> str:
        """Where a file of it lies: an absolute path."""
        return f"{self.directory}/files/{file.scheme}/{file.path}"


def cache() -> Path:
    """The directory of the cache: PROVISIONING_CACHE, or the usual place of the system."""
    if said := os.environ.get(PLACE):
        return Path(said).absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / _NAME
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / _NAME


def directory_of(wheel: Wheel) -> Path:
    """Where a wheel lies unpacked, if it does."""
    return cache() / "wheels" / wheel.digest


def is_unpacked(wheel: Wheel) -> bool:
    """Whether a wheel lies unpacked in the cache."""
    return os.path.lexists(directory_of(wheel) / FACTS)


def all_of(environment: Environment) -> tuple[Wheel, ...] | None:
    """The wheels of an environment, if all are known and lie in the cache."""
    known = not environment.pinned and all(map(is_unpacked, environment.wheels))
    return environment.wheels if known else None


def recall(wheel: Wheel) -> Unpacked:
    """What a wheel in the cache holds. Raises BuildError."""
    directory = directory_of(wheel)
    try:
        facts = json.loads((directory / FACTS).read_bytes())
        files = tuple(HeldFile(*each) for each in facts["files"])
        entry_points = tuple((name, calls) for name, calls in facts["entry_points"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{directory}: damaged ({error}); remove it, and run doit again") from None
    return Unpacked(str(directory), files, entry_points)


def forget(directory: str) -> None:
    """Remove an unpacked wheel that is damaged."""
    # First what makes it count: a kill on the way leaves nothing that is believed.
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(directory, FACTS))
    shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def unpacking(wheel: Wheel) -> Iterator[Path]:
    """A new directory that becomes the wheel's once the block has ended well.

    Others may unpack the same wheel at the same time: the first counts.
    """
    import tempfile  # noqa: PLC0415 - a cost that a build with nothing to fetch does not owe

    place = directory_of(wheel)
    place.parent.mkdir(parents=True, exist_ok=True)
    sweep(place.parent, _TEMPORARY)
    temporary = tempfile.mkdtemp(prefix=_TEMPORARY, dir=place.parent)
    try:
        yield Path(temporary)
        os.chmod(temporary, 0o755)  # noqa: S103 - as any other directory
        if not is_unpacked(wheel):
            forget(str(place))
            with suppress(OSError):  # another process has been faster
                os.rename(temporary, place)
        if not is_unpacked(wheel):
            raise BuildError(f"{place}: the wheel could not be put there; remove what is there")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_facts(
    directory: Path, files: list[HeldFile], entry_points: list[tuple[str, str]]
) -> None:
    """Say what an unpacked wheel holds, which completes it."""
    facts = {"files": sorted(files), "entry_points": sorted(entry_points)}
    (directory / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def sweep(directory: Path, prefix: str) -> None:
    """Remove what killed processes have left: files and directories with such names."""
    for path in directory.glob(f"{prefix}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()


def without_password(url: str) -> str:
    """A URL without the user and the password that may stand in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
