"""Makes the tool that is part of every package: `provisioning.installer` as one executable file.

It is a zip archive after a line that names Python (see zipapp in Python's library). It does not
depend on who builds it, or when: files are stored in the order of their names, with one time.
"""

from __future__ import annotations

import io
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import provisioning

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHEBANG = b"#!/usr/bin/env python3\n"
# A command ends soon, and makes no reference cycles: to look for them would take a twentieth of the
# time of an installation.
_MAIN = b"""\
import gc
import sys

gc.disable()

from provisioning.installer.__main__ import main

sys.exit(main())
"""
_TIME = (2000, 1, 1, 0, 0, 0)
_ATTRIBUTES = 0o100644 << 16
_UNIX = 3
_SHARED = ("__init__.py", "console.py", "errors.py")
_WINGS = ("artifact", "installer")


@lru_cache(maxsize=1)
def tool() -> bytes:
    """The tool: made of this program, or this program itself if it is one."""
    archive = getattr(provisioning.__spec__.loader, "archive", None)
    return Path(archive).read_bytes() if archive else _made()


def _made() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in sorted({**dict(_modules()), "__main__.py": _MAIN}.items()):
            member = zipfile.ZipInfo(name, _TIME)
            member.create_system, member.external_attr = _UNIX, _ATTRIBUTES
            archive.writestr(member, data)
    return _SHEBANG + made.getvalue()


def _modules() -> Iterator[tuple[str, bytes]]:
    """The modules that a target needs, by their paths."""
    here = Path(provisioning.__file__).parent
    files = [here / name for name in _SHARED]
    for wing in _WINGS:
        files += (here / wing).rglob("*.py")
    for file in files:
        yield f"{here.name}/{file.relative_to(here).as_posix()}", file.read_bytes()
