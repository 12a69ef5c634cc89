"""Makes the tool that every package contains, if it is not there or out of date."""

from __future__ import annotations

import atexit
import errno
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.model.entry import TOOL
from provisioning.artifact.tool import tool
from provisioning.builder.collect.sources import code_state
from provisioning.builder.workspace import output
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.workspace.caches import Notes

_NOTE = "tool"


def bring(path: Path, notes: Notes, digests: Digests) -> Path:
    """Make the tool at `path`, unless it is there and up to date; return its path.

    On a read-only disk it is made elsewhere, for as long as this process runs: it is needed even to
    tell what would be built.

    Raises:
        BuildError: it cannot be written.
    """
    note = notes.get(_NOTE)
    if note and note.document == [code_state(), _digest(path, digests)]:
        return path
    data = tool()
    if _digest(path, digests) != filesystem.of_bytes(data):
        try:
            _write(path, data)
        except OSError as error:
            if error.errno == errno.EROFS:  # guard: read-only-tool
                return _for_now(data)
            raise BuildError(f"{path}: {error.strerror}") from error
    notes.put(_NOTE, [code_state(), filesystem.of_bytes(data)])
    return path


def _for_now(data: bytes) -> Path:
    import tempfile  # noqa: PLC0415 - a cost for this alone

    directory = tempfile.TemporaryDirectory(prefix="provisioning-")
    atexit.register(directory.cleanup)
    path = Path(directory.name, TOOL)
    path.write_bytes(data)
    return path


def _write(path: Path, data: bytes) -> None:
    # Without fsync: what a power cut leaves of it is another content, and is made again.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    output.sweep_old(path)  # guard: stale-tools
    output.leave(path, (data,))


def _digest(path: Path, digests: Digests) -> str:
    with suppress(OSError, BuildError):  # there is none, or something that is not a file
        return digests.look(str(path)).digest
    return ""
