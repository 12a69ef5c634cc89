"""Knows how every command, doit's own too, ends where something is in its way: with a line."""

from __future__ import annotations

import os
import re
import sys
from getopt import GetoptError
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from doit import dependency, loader
from doit.cmd_base import Command
from doit.cmdparse import CmdParseError
from doit.exceptions import InvalidCommand, InvalidDodoFile, InvalidTask

from provisioning import streams
from provisioning.printing import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType, TracebackType
    from typing import TextIO

GOOD, FAILED, FAULTS = 0, 1, 3
"""Exit codes, as of doit: the last is for whatever is wrong before a task runs."""

_OURS = ("doit", "provisioning")
# The third is what doit's own mistake in closing a file that it could not open leads to.
_NO_RECORDS = (dependency.DatabaseException, OSError, UnboundLocalError)
_WRONG_VALUE = re.compile(r"Error parsing parameter '(\w+)' <class '\w+'>\.\n(.*)\n")


class Told(Command):  # type: ignore[misc]  # doit has no type hints
    """A command that tells in a line what it cannot read or write."""

    changes = False
    """Whether it does something, so that it has not failed where it only could not say so."""

    def __init__(self, *arguments: Any, **others: Any) -> None:
        streams.mend()  # doit takes standard output when it makes a command
        _tell_interruptions()
        try:
            super().__init__(*arguments, **others)
        except CmdParseError as error:  # where it is made, doit tells nothing in words
            complain(f"in pyproject.toml or doit.cfg: {_no_option(error, self.name) or error}")
            raise SystemExit(FAULTS) from error

    def parse_execute(self, in_args: Sequence[str]) -> int:
        """Run with these words and options, and return the exit code."""
        try:
            status: int = super().parse_execute(in_args) or GOOD
        except InvalidCommand as error:
            error.args = tuple(map(_shown, error.args))
            error.not_found = error.not_found and _shown(error.not_found)
            raise
        except Exception as error:
            if told := _in_words(error, self.name):
                raise InvalidCommand(told) from error
            raise
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


def _in_words(error: Exception, command: str) -> str:
    """What to tell where doit would show a traceback or an object; "" where that is well."""
    if isinstance(error, CmdParseError):
        return _no_option(error, command)
    if isinstance(error, (InvalidDodoFile, InvalidTask)):
        return ""
    frame = _raiser(error)
    if frame.f_code is loader.get_module.__code__:
        return _no_module(frame)
    is_of_records = isinstance(error, _NO_RECORDS) or type(error).__module__ == "sqlite3"
    if is_of_records and frame.f_globals.get("__name__") == dependency.__name__:
        return _no_records(error, frame)
    # What was raised in a dodo.py, say, its author has to find.
    if isinstance(error, OSError) and raised_by(error) in _OURS:
        from provisioning.plugin.owned import said  # noqa: PLC0415 - no project may be there

        return said(error)
    return ""


def _no_option(error: CmdParseError, command: str) -> str:
    """The same of an option, less the objects and classes of Python that doit lists; "" if none."""
    if wrong := _WRONG_VALUE.fullmatch(str(error)):
        return f"{wrong[1]}: {wrong[2]}"
    if not isinstance(error.__context__, GetoptError):
        return ""
    of_task = str(error).startswith("Error parsing Task")
    about = "doit help TASK" if of_task else f"doit help {command}"
    return f"{error.__context__}; `{about}` tells the options"


def _no_module(frame: FrameType) -> str:
    """What is wrong with the name of a dodo.py, which `frame` could not import."""
    dodo = frame.f_locals["dodo_path"]
    path = os.path.basename(dodo) or dodo
    name = re.sub(r"\W", "_", os.path.splitext(path)[0]) or "dodo"
    return f"{path}: Python has no module that is called so; call it {name}.py"


def _no_records(error: Exception, frame: FrameType) -> str:
    """Why `frame`, of one of doit's own databases, cannot read or write it."""
    causes = (each for each in (error, error.__context__) if isinstance(each, OSError))
    cause = next(causes, None)
    if isinstance(error, dependency.DatabaseException) and cause is None:
        return str(error).strip()
    known = frame.f_locals
    name = getattr(known.get("self"), "name", None) or known.get("name") or "the database"
    return f"{name}: {cause.strerror if cause else error}"


def raised_by(error: Exception) -> str:
    """The package, or the module beside none, of which the code has raised it."""
    return _module(_raiser(error))


def _raiser(error: Exception) -> FrameType:
    """What raised it: what Python's library raises it raises for whoever has called it."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return next(each for each in reversed(frames) if _module(each) not in sys.stdlib_module_names)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]
