"""Knows whether the system can run a file by itself, as a target runs hooks and services."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD = 256  # bytes: as many as Linux looks at (execve(2))
_NAMES = re.compile(rb"#![ \t]*[^\s]")
# What runs a file, and what Linux hands on to that as one word, whatever blanks it has (execve(2)).
_LINE = re.compile(rb"#![ \t]*(?P<program>[^ \t]+)[ \t]*(?P<word>.*?)[ \t]*")
_SPLIT = re.compile(rb"-[A-Za-z]*S|--split-string")  # of env(1): what follows is words
_ONE_WORD = re.compile(rb"(?:env|(?:ba|da|a|k|z)?sh|python[0-9.]*)")
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
    (
        lambda head: not _named(head)[0].startswith(b"/"),
        "names in its first line what runs it by no absolute path",
        "begin it with #!/bin/sh, #!/usr/bin/env python3, or the like",
    ),
    (
        lambda head: _named(head)[0].endswith(b"\\"),
        "has a blank in the path of what runs it, which ends there",
        "name it by a path without blanks, or by #!/usr/bin/env",
    ),
    (
        lambda head: _hands_on_words(*_named(head)),
        "hands on several words in its first line, which Linux takes for one",
        "hand on one, such as -eu, or all of them behind #!/usr/bin/env -S",
    ),
    (
        lambda head: _is_lost(*_named(head)),
        "is run by env, which is not told what runs it",
        "say it, as in #!/usr/bin/env python3",
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


def _named(head: bytes) -> tuple[bytes, bytes]:
    """What runs a file, and the word that this is handed."""
    found = _LINE.fullmatch(_first(head))
    return (found["program"], found["word"]) if found else (b"", b"")


def _hands_on_words(program: bytes, word: bytes) -> bool:
    """Whether `program` would take a `word` that has blanks for something else than is meant."""
    name = program.rpartition(b"/")[2]
    is_split = name == b"env" and _SPLIT.match(word)
    return bool(_ONE_WORD.fullmatch(name) and re.search(rb"[ \t]", word) and not is_split)


def _is_lost(program: bytes, word: bytes) -> bool:
    """Whether env would run the file itself, again and again."""
    split = _SPLIT.match(word)
    is_told = word[split.end() :].strip(b" \t=") if split else not word.startswith((b"-", b"="))
    return program.endswith(b"/env") and not (word and is_told)


def _first(head: bytes) -> bytes:
    return head.partition(b"\n")[0]
