"""Knows the tool that every package brings along: `provisioning.target`, as one file to be run.

It is a zip archive behind a line that names Python (zipapp in Python's library). Nothing of it
depends on who builds it, or when: files are stored in the order of their names, with one time.
"""

from __future__ import annotations

import io
import os
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import provisioning
from provisioning.artifact import digest
from provisioning.build.specs import code_state
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from provisioning.build.digests import Digests
    from provisioning.build.notes import Notes

_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = b"""\
import sys

from provisioning.target.cli import main

sys.exit(main())
"""
_TIME = (2000, 1, 1, 0, 0, 0)
_ATTRIBUTES = 0o100644 << 16
_UNIX = 3
_WINGS = ("artifact", "target")
_NOTE = "tool"


def bring(path: Path, notes: Notes, digests: Digests) -> None:
    """Have the tool at `path`: made anew if this program, or what lies there, is another.

    Raises:
        BuildError: it cannot be written.
    """
    note = notes.get(_NOTE)
    if note and note.document == [code_state(), _digest(path, digests)]:
        return
    data = _made()
    if _digest(path, digests) != digest.of_bytes(data):
        try:
            _write(path, data)
        except OSError as error:
            raise BuildError(f"{path}: {error.strerror}") from error
    notes.put(_NOTE, [code_state(), digest.of_bytes(data)])


def _write(path: Path, data: bytes) -> None:
    # Without fsync: what a power cut leaves of it is another content, and is made again.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def _digest(path: Path, digests: Digests) -> str:
    with suppress(OSError, BuildError):  # there is none, or something that is no file
        return digests.look(str(path)).digest
    return ""


def _made() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in sorted({**_modules(), "__main__.py": _MAIN}.items()):
            member = zipfile.ZipInfo(name, _TIME)
            member.create_system, member.external_attr = _UNIX, _ATTRIBUTES
            archive.writestr(member, data)
    return _SHEBANG + made.getvalue()


def _modules() -> dict[str, bytes]:
    """What the target needs of this program, by the names that it is imported by."""
    here = Path(provisioning.__file__).parent
    files = [here / "__init__.py", here / "errors.py"]
    for wing in _WINGS:
        files += (here / wing).rglob("*.py")
    return {f"{here.name}/{file.relative_to(here).as_posix()}": file.read_bytes() for file in files}
