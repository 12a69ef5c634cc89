"""Knows that the names in a package are bytes of UTF-8 on every disk, whatever the locale says."""

from __future__ import annotations

import os
import sys


def spell_in_utf8() -> str:
    """Begin this program again in Python's UTF-8 mode (PEP 540), where it spells names otherwise.

    Python spells them to the system as the locale would (PEP 383): in ISO-8859-1, `é` would be
    another name on the disk than the package says, and in ASCII none at all. That cannot be changed
    in a process that runs. What this program says is still spelt as the locale has it.

    Returns "" where all is well, or else why it cannot be: nobody knows how this program was begun.
    """
    used = sys.getfilesystemencoding()
    if used == "utf-8":
        return ""
    if not sys.executable or sys.flags.utf8_mode or sys.argv[0] == "-c":
        return f"names of files are {used} here, not UTF-8; run this with LC_ALL=C.UTF-8"
    if sys.stdout:
        os.environ.setdefault("PYTHONIOENCODING", f"{sys.stdout.encoding}:backslashreplace")
    return os.execv(sys.executable, [sys.executable, "-X", "utf8", *_begun()])  # noqa: S606 - as it was begun


def _begun() -> list[str]:
    """The arguments that Python was begun with."""
    begun: list[str] | None = getattr(sys, "orig_argv", None)  # since Python 3.10
    if begun:
        return begun[1:]
    spec = sys.modules["__main__"].__spec__
    if spec and spec.name != "__main__":  # python3 -m
        return ["-m", spec.name[: -len(".__main__")], *sys.argv[1:]]
    return sys.argv
