"""Knows how a program can use its standard streams, whatever it was started with.

Python takes a closed one for none at all, and raises where one cannot be written; and a file that
is opened then gets the number of a closed one, so that what a child of the program prints would
end in it.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from provisioning.printing import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

# By its number, how the stream is opened that stands in for a closed one: to write to standard
# output fails then as it did, and is told; that nothing can be told has nobody to be told to.
_STAND_INS = (os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)


# What turns the direction of writing, and would show a name, or a line of code, as another one.
_TURNS = {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


class Lasting(io.TextIOWrapper):
    """Text that may be written for ever; `fault` is why it could not, from then on."""

    fault: OSError | None = None

    def write(self, text: str) -> int:
        """Write, as long as that can be done."""
        with self._lasting():
            super().write(text if text.isascii() else text.translate(_TURNS))
        return len(text)

    def flush(self) -> None:
        """Write what waits to be written."""
        with self._lasting():
            super().flush()

    @contextmanager
    def _lasting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.fault = self.fault or error
            # What waits would be tried again and again, at the end of the program, too.
            with suppress(OSError), open(os.devnull, "wb") as nowhere:  # there may be no /dev
                os.dup2(nowhere.fileno(), self.fileno())


def lasting(number: int, like: TextIO | None = None) -> Lasting:
    """Text for the file `number`, which writes as `like` does, and behind that."""
    if like:
        with suppress(OSError):
            like.flush()
    with suppress(OSError):  # who shares a pipe with others may have made it so that nobody waits
        os.set_blocking(number, True)
    return Lasting(
        open(number, "wb", closefd=False),
        encoding=getattr(like, "encoding", None) or "utf-8",
        errors=_ESCAPE,
        line_buffering=getattr(like, "line_buffering", False),
        write_through=getattr(like, "write_through", False),
    )


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Spell what cannot be encoded: a path may have other characters than the locale, or bytes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    spelt = printable(error.object[error.start : error.end])
    return spelt.encode("ascii", "backslashreplace").decode(), error.end


_ESCAPE = "provisioning: escape"
codecs.register_error(_ESCAPE, _escape)


def mend() -> None:
    """See to it that standard streams are there, and that no fault of theirs stops the program.

    Once is enough; streams that are somebody's own, as those of a program that calls this one, are
    left alone.
    """
    _open_closed()
    if _is_pythons(sys.stdout, 1):
        sys.stdout = sys.__stdout__ = lasting(1, sys.stdout)  # type: ignore[misc]  # Final to mypy
    if _is_pythons(sys.stderr, 2):
        sys.stderr = sys.__stderr__ = lasting(2, sys.stderr)  # type: ignore[misc]  # Final to mypy


def fault(stream: TextIO) -> OSError | None:
    """Why a lasting stream could not be written; None if it could."""
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
    """Whether a stream is what Python begins with, which is None where it was closed."""
    if type(stream) is not io.TextIOWrapper:
        return stream is None
    raw = getattr(stream.buffer, "raw", stream.buffer)  # under PYTHONUNBUFFERED, there is no other
    return isinstance(raw, io.FileIO) and raw.fileno() == number
