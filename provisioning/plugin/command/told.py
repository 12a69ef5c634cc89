"""Knows how every command, doit's own too, ends where something is in its way: with a line."""

from __future__ import annotations

import sys
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from doit.cmd_base import Command
from doit.exceptions import InvalidCommand

from provisioning import streams
from provisioning.printing import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import TextIO

GOOD, FAILED, FAULTS = 0, 1, 3
"""Exit codes, as of doit: the last is for whatever is wrong before a task runs."""

_OURS = ("doit", "provisioning")


class Told(Command):  # type: ignore[misc]  # doit has no type hints
    """A command that tells in a line what it cannot read or write."""

    changes = False
    """Whether it does something, so that it has not failed where it only could not say so."""

    def __init__(self, *arguments: Any, **others: Any) -> None:
        streams.mend()  # doit takes standard output when it makes a command
        _tell_interruptions()
        super().__init__(*arguments, **others)

    def parse_execute(self, in_args: Sequence[str]) -> int:
        """Run with these words and options, and return the exit code."""
        try:
            status: int = super().parse_execute(in_args) or GOOD
        except InvalidCommand as error:
            error.args = tuple(map(_shown, error.args))
            error.not_found = error.not_found and _shown(error.not_found)
            raise
        except OSError as error:
            if _is_foreign(error):
                raise
            from provisioning.plugin.owned import said  # noqa: PLC0415 - no project may be there

            raise InvalidCommand(said(error)) from error
        if told := unheard(sys.stdout, "standard output"):
            if not self.changes:
                raise InvalidCommand(told)
            complain(told)
        return status


def unheard(stream: TextIO, called: str) -> str:
    """Why what was said could not be written, if so; that whoever reads a pipe has gone is well."""
    fault = streams.fault(stream)
    return (
        "" if fault is None or isinstance(fault, BrokenPipeError) else f"{called}: {fault.strerror}"
    )


def complain(text: str) -> None:
    """Tell what is wrong, as doit does."""
    print(f"ERROR: {_shown(text)}", file=sys.stderr)


def _shown(text: Any) -> str:
    """What is told, whatever word or name it quotes."""
    return printable(str(text), but="\n\t")


def _tell_interruptions() -> None:
    """Have Ctrl-C end doit with a line, until `configure` knows what else there is to be done."""
    before = sys.excepthook

    def tell(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("\nSIGINT: stopped", file=sys.stderr)
        else:
            before(kind, error, where)

    sys.excepthook = tell


def _is_foreign(error: OSError) -> bool:
    """Whether it was raised in a dodo.py, say, whose author wants to know where."""
    frames = walk_tb(error.__traceback__)
    raisers = [str(frame.f_globals.get("__name__")).partition(".")[0] for frame, _ in frames]
    # What Python's library raises it raises for whoever has called it.
    return next(each for each in reversed(raisers) if not _is_pythons(each)) not in _OURS


def _is_pythons(module: str) -> bool:
    return module in sys.stdlib_module_names
