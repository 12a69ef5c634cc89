"""Knows how a command tells what it does: nothing that goes wrong with that can stop it."""

from __future__ import annotations

import sys

from provisioning.printing import printable


class Telling:
    """What is told on the way, line by line."""

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self._quiet, self._json = quiet, json
        self._total = self._done = 0
        self._shown = ""
        self._terminal = not quiet and not json and sys.stderr.isatty()
        self.steps: list[str] = []
        self.warnings: list[str] = []

    def say(self, text: str) -> None:
        """Tell what is done; it is remembered too."""
        self.steps.append(text)
        if not self._quiet:
            self.tell(text)

    def tell(self, text: str) -> None:
        """Tell what was asked for."""
        if not self._json:
            self.print(_shown(text))

    def warn(self, *texts: str) -> None:
        """Tell what somebody should look at, if there is anything; it is remembered too."""
        for text in filter(None, texts):
            self.warnings.append(text)
            self.complain(f"warning: {text}")

    def complain(self, text: str) -> None:
        """Tell what is wrong."""
        self._show("")
        print(f"provision: {_shown(text)}", file=sys.stderr, flush=True)

    def print(self, text: str) -> None:
        """Print to standard output."""
        self._show("")
        print(text, flush=True)

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
            print(f"\r{text or '     '}\r{text}", end="", file=sys.stderr, flush=True)


def _shown(text: str) -> str:
    """What is told, whatever else it quotes: a name, or what a hook has said."""
    return printable(text, but="\n\t")
