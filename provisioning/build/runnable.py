"""Knows whether the system can run a file by itself, as a target runs hooks and services."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD = 256  # bytes: as many as Linux looks at (execve(2))
_NAMES = re.compile(rb"#![ \t]*[^\s]")
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"#\0", b"\0#")  # of UTF-16
_RULES: tuple[tuple[Callable[[bytes], object], str, str], ...] = (
    (lambda head: not head, "is empty", "begin it with #!/bin/sh, or the like"),
    (
        lambda head: head.startswith((*_WIDE, b"\xef\xbb\xbf")),
        "begins with a byte order mark or as UTF-16, so that nothing runs it",
        "save it as UTF-8 without a byte order mark",
    ),
    (
        lambda head: not _NAMES.match(head),
        "does not name in its first line what runs it",
        "begin it with #!/bin/sh, or the like",
    ),
    (
        lambda head: b"\r" in _first(head),
        "ends its first line as on Windows, so that nothing runs it",
        "save it with LF alone",
    ),
    (
        lambda head: "\N{NO-BREAK SPACE}".encode() in _first(head),
        "has a no-break space in its first line, so that nothing runs it",
        "write an ordinary space instead",
    ),
    (
        lambda head: len(_first(head)) == _HEAD,
        "has a first line that is longer than systems read",
        f"name in at most {_HEAD - 1} bytes what runs it",
    ),
)


def why_not(path: str) -> tuple[str, str]:
    """Why the system will not run a file, and what to do; "" where nothing speaks against it.

    Raises OSError where it cannot be read.
    """
    with open(path, "rb") as file:
        return why_not_begun(file.read(_HEAD))


def why_not_begun(content: bytes) -> tuple[str, str]:
    """Why the system will not run what begins with `content`, as `why_not` has it."""
    head = content[:_HEAD]
    if b"\0" in head and not head.startswith(_WIDE):
        return "", ""  # a compiled program: the system knows it by other signs
    found = ((reason, hint) for holds, reason, hint in _RULES if holds(head))
    return next(found, ("", ""))


def _first(head: bytes) -> bytes:
    return head.partition(b"\n")[0]
