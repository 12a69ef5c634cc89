"""Knows how a file of the project is read: whole, of bounded size, as text, and never waiting."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from provisioning.spec.fault import LINE_BREAK, Fault
from provisioning.spec.node import Origin

MAX_BYTES = 1 << 20


def leads_out(root: Path, path: str) -> bool:
    """Whether `path` below `root`, or a symbolic link on the way to it, leads out of `root`.

    Every file of the project that is read passes by here: nothing outside reaches a package.
    """
    return not Path(os.path.realpath(root / path)).is_relative_to(os.path.realpath(root))


def read_text(root: Path, file: str, asked: Origin, faults: list[Fault]) -> str | None:
    """Return the text of `file` below `root`, without a byte order mark; None after a fault.

    `asked` is where its name was written, which is where a file that cannot be read at all is
    reported.
    """
    try:
        data = _read(root, file)
    except OSError as error:
        reason = error.strerror or str(error)
        message = reason if asked.file == file else f"{file}: {reason}"
        faults.append(Fault.at(asked, "unreadable-file", message))
        return None
    if len(data) > MAX_BYTES:
        start = Origin(file=file, line=1, column=1)
        faults.append(Fault.at(start, "file-too-large", "the file is larger than 1 MiB"))
        return None
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        origin = place(file, data[: error.start].decode("utf-8"), error.start)
        hint = "save the file as UTF-8"
        faults.append(Fault.at(origin, "not-utf8", "this is not text in UTF-8", hint))
        return None


def yaml_files(root: Path, directory: str, faults: list[Fault]) -> list[str]:
    """Return the YAML files in `directory`, relative to `root`; none if there is no such place."""
    try:
        found = sorted(path.name for path in (root / directory).iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        origin = Origin(file=directory, line=0, column=1)
        faults.append(Fault.at(origin, "unreadable-file", f"{error.strerror}"))
        return []
    names = [f"{directory}/{name}" for name in found if not name.startswith(".")]
    for name in names:
        if name.endswith(".yml"):
            origin = Origin(file=name, line=0, column=1)
            faults.append(Fault.at(origin, "wrong-suffix", "name the file .yaml; .yml is not read"))
    return [name for name in names if name.endswith(".yaml")]


def place(file: str, text: str, position: int) -> Origin:
    """Return the origin of the character at `position` of `text`."""
    lines = LINE_BREAK.split(text[:position])
    return Origin(file=file, line=len(lines), column=len(lines[-1]) + 1)


def _read(root: Path, file: str) -> bytes:
    if leads_out(root, file):
        raise OSError("a symbolic link leads out of the project")
    # Opening a FIFO would wait for a writer that never comes.
    descriptor = os.open(root / file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("this is not a file")
        return stream.read(MAX_BYTES + 1)
