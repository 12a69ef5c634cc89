"""Knows whether a stream shows colours, and how they are written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    Paint = Callable[[str, str], str]

# ECMA-48, section 8.3.117 (SGR): bold, and the colours in which rustc tells its errors.
BOLD, RED, GREEN, BLUE, CYAN = "1", "1;91", "1;92", "1;94", "1;96"


def shows_colour(stream: TextIO | None) -> bool:
    """Whether text for `stream` is to be coloured: for terminals, unless the user says otherwise.

    NO_COLOR (https://no-color.org) forbids it, FORCE_COLOR and CLICOLOR_FORCE demand it for files
    and pipes too, each if set to anything but nothing.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str) -> str:
    """Return one line of text in `style`, in the numbers of SGR as the constants above."""
    return f"\x1b[{style}m{text}\x1b[0m" if text else ""


def leave_plain(text: str, _style: str) -> str:
    """Return `text` as it is: the `paint` of what is no terminal."""
    return text
