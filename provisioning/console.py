"""Printing: what a terminal would obey is escaped; colours, closed streams, messages."""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    Paint = Callable[[str, str], str]


# Noncharacters (The Unicode Standard, 23.7): systemd ignores a line with one, and XML, the format
# of property lists, cannot hold two of them.
NO_CHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)
)

_BYTES = range(0xDC80, 0xDD00)  # what Python reads bytes as that are not UTF-8 (PEP 383)


def printable(text: str, but: str = "") -> str:
    r"""Escape characters that are invisible or misleading, except those in `but`.

    These are control characters, changes of the direction of writing (U+202E), bytes that are not
    UTF-8 (`\xe9`), and combining accents that Unicode would compose: two names that look alike, of
    macOS and of Linux, need not be the same.
    """
    composed = _is_composed(text)
    if composed and text.isprintable():
        return text
    return "".join(_spelt(text, but, composed=composed))


def _is_composed(text: str) -> bool:
    if text.isascii():
        return True
    # Imported here: a build with nothing to do need not load it.
    from unicodedata import is_normalized  # noqa: PLC0415

    return is_normalized("NFC", text)


def _spelt(text: str, but: str, *, composed: bool) -> Iterator[str]:
    for before, each in zip(("", *text), text):
        if each in but or (each.isprintable() and (composed or _stands(before, each))):
            yield each
        elif ord(each) in _BYTES:
            yield f"\\x{ord(each) - 0xDC00:02x}"
        else:
            yield each.encode("unicode_escape").decode()


def _stands(before: str, each: str) -> bool:
    """Whether a character stays as it is if the text is composed."""
    from unicodedata import combining, normalize  # noqa: PLC0415 - as above

    return not combining(each) and normalize("NFC", before + each).endswith(each)


# ECMA-48, section 8.3.117 (SGR): bold, and the colours in which rustc tells its errors.
BOLD, RED, GREEN, BLUE, CYAN = "1", "1;91", "1;92", "1;94", "1;96"


def shows_colour(stream: TextIO | None) -> bool:
    """Whether text for `stream` is to be coloured: for terminals, unless the user says otherwise.

    NO_COLOR (https://no-color.org) forbids it, FORCE_COLOR and CLICOLOR_FORCE demand it for files
    and pipes too, each if it is set and not empty.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str) -> str:
    """Return one line of text in a `style` such as the constants above."""
    return f"\x1b[{style}m{text}\x1b[0m" if text else ""


def leave_plain(text: str, _style: str) -> str:
    """Return `text` as it is: the `paint` for what is not a terminal."""
    return text


# How a stand-in for a closed stream is opened, by its number: writing to standard output still
# fails, and is reported; a closed standard error swallows everything.
_STAND_INS = (os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)


# These turn the direction of writing, and would show a name or a line of code as another one.
_TURNS = {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


class Lasting(io.TextIOWrapper):
    """A text stream that never raises; `fault` is the first error."""

    fault: OSError | None = None

    def write(self, text: str) -> int:
        """Write, unless there was a fault."""
        with self._lasting():
            super().write(text if text.isascii() else text.translate(_TURNS))
        return len(text)

    def flush(self) -> None:
        """Flush, unless there was a fault."""
        with self._lasting():
            super().flush()

    @contextmanager
    def _lasting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # guard: reader-may-go
            self.fault = self.fault or error
            # Python would try to write what is buffered again, at its end, too.
            with suppress(OSError), open(os.devnull, "wb") as nowhere:  # there may be no /dev
                os.dup2(nowhere.fileno(), self.fileno())


def lasting(number: int, like: TextIO | None = None) -> Lasting:
    """Return a stream for the file `number` that encodes and buffers as `like` does."""
    if like:
        with suppress(OSError):
            like.flush()
    with suppress(OSError):  # another user of the pipe may have made it non-blocking
        os.set_blocking(number, True)
    return Lasting(
        open(number, "wb", closefd=False),
        encoding=getattr(like, "encoding", None) or "utf-8",
        errors=_ESCAPE,
        line_buffering=getattr(like, "line_buffering", False),
        write_through=getattr(like, "write_through", False),
    )


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Escape what cannot be encoded: a path may have other characters than the locale, or bytes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    spelt = printable(error.object[error.start : error.end])
    return spelt.encode("ascii", "backslashreplace").decode(), error.end


_ESCAPE = "provisioning: escape"
codecs.register_error(_ESCAPE, _escape)


def mend() -> None:
    """Open closed standard streams, and let no fault of a stream stop the program.

    It can be called again. Streams that a calling program has set are left alone.
    """
    _open_closed()  # guard: closed-streams
    if _is_pythons(sys.stdout, 1):
        sys.stdout = sys.__stdout__ = lasting(1, sys.stdout)  # type: ignore[misc]  # Final to mypy
    if _is_pythons(sys.stderr, 2):
        sys.stderr = sys.__stderr__ = lasting(2, sys.stderr)  # type: ignore[misc]  # Final to mypy


def fault(stream: TextIO) -> OSError | None:
    """Return why a lasting stream could not be written; None if it could."""
    stream.flush()
    return stream.fault if isinstance(stream, Lasting) else None


def _open_closed() -> None:
    for number, flags in enumerate(_STAND_INS):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):  # there may be no /dev
                opened = os.open(os.devnull, flags)  # gets the lowest number that is free
                os.set_inheritable(opened, True)  # noqa: FBT003 - the library's way


def _is_pythons(stream: TextIO | None, number: int) -> bool:
    """Whether a stream is Python's own, which is None if it was closed."""
    if type(stream) is not io.TextIOWrapper:
        return stream is None
    raw = getattr(stream.buffer, "raw", stream.buffer)  # under PYTHONUNBUFFERED, there is no other
    return isinstance(raw, io.FileIO) and raw.fileno() == number


class Console:
    """Prints what a command does, line by line, and remembers it."""

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self._quiet, self._json = quiet, json
        self._total = self._done = 0
        self._doing = self._shown = ""
        self._terminal = not quiet and not json and sys.stderr.isatty()
        self.steps: list[str] = []
        self.warnings: list[str] = []

    def say(self, text: str) -> None:
        """Print a step that was done, and remember it."""
        self.steps.append(text)
        if not self._quiet:
            self.tell(text)

    def tell(self, text: str) -> None:
        """Print an answer, even with --quiet."""
        if not self._json:
            self.print(_shown(text))

    def warn(self, *texts: str) -> None:
        """Print warnings that are not empty, and remember them."""
        for text in filter(None, texts):
            self.warnings.append(text)
            self.complain(f"warning: {text}")

    def complain(self, text: str) -> None:
        """Print an error."""
        self._show("")
        print(f"provision: {_shown(text)}", file=sys.stderr, flush=True)

    def print(self, text: str) -> None:
        """Print to standard output."""
        self._show("")
        print(text, flush=True)

    def begin(self, total: int, doing: str = "") -> None:
        """Begin a progress display, of how many bytes will be written or read."""
        self._total, self._done, self._doing = total, 0, f"{doing} " if doing else ""

    def progress(self, size: int) -> None:
        """Add `size` bytes to the progress."""
        self._done += size
        if self._terminal:
            self._show(f"{self._doing}{100 * self._done // max(self._total, 1):3} %")

    def end(self) -> None:
        """Remove the progress display."""
        self._show("")

    def _show(self, text: str) -> None:
        if self._terminal and text != self._shown:
            blank = " " * len(self._shown)
            self._shown = text
            print(f"\r{text or blank}\r{text}", end="", file=sys.stderr, flush=True)


def _shown(text: str) -> str:
    """A text with what it quotes escaped: a name, or what a hook has printed."""
    return printable(text, but="\n\t")
