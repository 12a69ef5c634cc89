"""Knows how a command tells what it does: nothing that goes wrong with that can stop it."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from provisioning.printing import printable

if TYPE_CHECKING:
    from typing import TextIO


class Telling:
    """What is told on the way, line by line.

    `fault` is why standard output could not be written, if it could not.
    """

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self._quiet, self._json = quiet, json
        self._total = self._done = 0
        self._shown = ""
        self._terminal = not quiet and not json and sys.stderr.isatty()
        self.steps: list[str] = []
        self.warnings: list[str] = []
        self.fault: OSError | None = None

    def say(self, text: str) -> None:
        """Tell what is done; it is remembered too."""
        self.steps.append(text)
        if not self._quiet:
            self.tell(text)

    def tell(self, text: str) -> None:
        """Tell what was asked for."""
        if not self._json:
            self.print(_shown(text))

    def warn(self, text: str) -> None:
        """Tell what somebody should look at; it is remembered too."""
        self.warnings.append(text)
        self.complain(f"warning: {text}")

    def complain(self, text: str) -> None:
        """Tell what is wrong."""
        self._show("")
        with suppress(OSError):  # where it could be told that this is not possible
            _print(f"provision: {_shown(text)}", sys.stderr)

    def print(self, text: str) -> None:
        """Print to standard output, as long as that can be written."""
        if self.fault is None:
            self._show("")
            try:
                _print(text, sys.stdout)
            except OSError as error:
                self.fault = error

    def begin(self, total: int) -> None:
        """Say how many bytes are going to be written."""
        self._total, self._done = total, 0

    def progress(self, size: int) -> None:
        """Say that `size` bytes more were."""
        self._done += size
        if self._terminal:
            self._show(f"{100 * self._done // max(self._total, 1):3} %")

    def end(self) -> None:
        """Say that all were."""
        self._show("")

    def _show(self, text: str) -> None:
        if self._terminal and text != self._shown:
            self._shown = text
            with suppress(OSError):
                print(f"\r{text or '     '}\r{text}", end="", file=sys.stderr, flush=True)


def _shown(text: str) -> str:
    """What is told, whatever else it quotes: a name, or what a hook has said."""
    return printable(text, but="\n\t")


def _print(text: str, stream: TextIO) -> None:
    print(text, file=stream, flush=True)
