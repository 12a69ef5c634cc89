"""Knows what a package is installed from: an artifact, or a directory that it was unpacked to."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.files import open_regular, reason
from provisioning.artifact.format import prover, reader
from provisioning.artifact.path import shown
from provisioning.artifact.release import DEB, artifacts, format_of, index_name, is_tree
from provisioning.artifact.sidecars import Sidecars
from provisioning.artifact.unpacked import Unpacked
from provisioning.errors import ArtifactError, RefusedError, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO
    from pathlib import Path

    from provisioning.artifact.contents import Write
    from provisioning.artifact.format import Prove, Reader
    from provisioning.artifact.index import Index
    from provisioning.artifact.whole import Whole


class Source(NamedTuple):
    """What is to be installed, opened once, so that nobody can exchange it on the way."""

    where: str
    reader: Reader | Unpacked
    says: Index | None = None
    """What the index beside it says of it."""
    prover: Prove | None = None
    opened_again: Callable[[], Reader | Unpacked] | None = None
    """Reads it from its beginning; None where `reader` can."""

    def read(self, write: Write) -> None:
        """Hand all files of it to `write`, and read it to its end, as often as this is called.

        Raises:
            RefusedError: it is not what its manifest says, or its index.
            TargetError: it cannot be read.
        """
        with _telling(self.where):
            reading = self.opened_again() if self.opened_again else self.reader
            if reading.data != self.reader.data:
                raise ArtifactError("changed while it was read")
            for finding in reading.findings(write):
                raise RefusedError(f"{self.where}: {finding}")
            if self.says and not isinstance(reading, Unpacked):
                self._compare(reading.whole(self.says.archive))

    def proves(self, write: Write) -> bool:
        """Do the same with all processors; tell whether that is possible, and went well."""
        whole = self.prover and self.prover(write)
        if whole:
            self._compare(whole)
        return whole is not None

    def _compare(self, whole: Whole) -> None:
        if whole.indexed != self.says:
            index = index_name(self.says.archive if self.says else "")
            raise RefusedError(f"{self.where}: is not what {index} beside it says")


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open what is to be installed. Raises RefusedError if it is no package, and TargetError."""
    where = shown(str(path))
    if path.suffix == ".deb":
        raise RefusedError(f"{where}: is for dpkg; install it with `dpkg -i {where}`")
    if os.path.isdir(path):
        with _telling(where):
            if not is_tree(path):
                raise ArtifactError(
                    f"is a directory, but no package was unpacked there{_meant(path)}"
                )
            source = Source(where, Unpacked(path))
        yield source
        return
    with _telling(where):
        file = open_regular(path)
    with file:
        with _telling(where):
            source = _artifact(file, path)
        yield source


def _meant(release: Path) -> str:
    """What somebody meant who names the directory of a release."""
    names = [each.name for each in artifacts(release) if format_of(each.name) not in {None, DEB}]
    return f"; install {shown(names[0])} in it" if names else ""


def _artifact(file: FileIO, path: Path) -> Source:
    sidecars = Sidecars(path, complete=False)
    for _ in sidecars.read():
        pass  # an index that makes no sense says nothing
    says = sidecars.index and sidecars.index._replace(archive=path.name)

    def read() -> Reader:
        file.seek(0)
        return reader(file, path.name, len(says.chunks) if says else 0)

    reading = read()
    proves = prover(file, path.name, reading, says)
    return Source(shown(str(path)), reading, says, proves, read)


@contextmanager
def _telling(where: str) -> Iterator[None]:
    try:
        yield
    except ArtifactError as error:
        raise RefusedError(f"{where}: {error}") from None
    except OSError as error:
        raise TargetError(f"{where}: {reason(error)}") from None
