"""Knows whether the system can run a file by itself, as a target runs hooks."""

from __future__ import annotations

import re

_HEAD = 256  # bytes: as many as Linux looks at (execve(2))
_NAMES = re.compile(rb"#![ \t]*[^\s]")


def why_not(path: str) -> tuple[str, str]:
    """Why the system will not run a file, and what to do; "" where nothing speaks against it.

    Raises OSError where it cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    first = head.partition(b"\n")[0]
    if b"\0" in head:
        return "", ""  # a compiled program: the system knows it by other signs
    if not _NAMES.match(head):
        return (
            "does not name in its first line what runs it",
            "begin it with #!/bin/sh, or the like",
        )
    if first.endswith(b"\r"):
        return "ends its first line as on Windows, so that nothing runs it", "save it with LF alone"
    return "", ""
