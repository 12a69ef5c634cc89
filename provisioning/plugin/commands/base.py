"""Knows which packages and stages words of the command line name, and what may be meant."""

from __future__ import annotations

import json
import os
import re
import sys
from getopt import GetoptError, gnu_getopt
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Protocol

from doit import dependency, loader
from doit.cmd_base import Command
from doit.cmdparse import CmdOption, CmdParseError
from doit.exceptions import InvalidCommand, InvalidDodoFile, InvalidTask

from provisioning import console
from provisioning.console import printable
from provisioning.errors import ProvisioningError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from types import FrameType, TracebackType
    from typing import TextIO, TypeVar

    from provisioning.spec.resolve.inputs import Inputs

    T = TypeVar("T", bound="Named")


class Named(Protocol):
    """A package on one platform."""

    @property
    def name(self) -> str:
        """The package's name."""

    @property
    def platform(self) -> str:
        """The platform's name."""


def matching(known: Sequence[T], word: str) -> list[T]:
    """Those of `known` that a word names."""
    name, colon, platform = word.partition(":")
    return [
        each for each in known if each.name == name and (not colon or each.platform == platform)
    ]


def unknown(known: Sequence[Named], word: str) -> str:
    """Say that a word names none of `known`, and which one may have been meant."""
    from provisioning.spec.diagnostics import did_you_mean  # noqa: PLC0415

    name, _, platform = word.partition(":")
    platforms = {each.platform for each in matching(known, name)}
    if platforms:
        return f"{name} is not built for {platform}; {did_you_mean(platform, platforms)}"
    return f"no package is called {name}; {did_you_mean(name, {each.name for each in known})}"


def strange(words: Sequence[str], known: Sequence[Named], stages: Collection[str]) -> Iterator[str]:
    """What to say of each word that means a stage of a package, and is no task.

    doit knows tasks, and not what their names are made of.
    """
    before = ""
    for word in words:
        if word.startswith("-"):
            continue
        stage, _, name = word.partition(":")
        if stage in stages:
            if name and "*" not in name and not matching(known, name):
                yield f"{word}: {unknown(known, name)}"
            before = stage
        else:
            # A stage takes no words of its own, so that this can be no other task's.
            if before and matching(known, word):
                yield f"{word}: is no task; say {before}:{word}"
            before = ""


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
        # guard: streams-of-doit
        console.mend()  # doit takes standard output when it makes a command
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
    fault = console.fault(stream)
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

    sys.excepthook = tell  # guard: early-interruption-of-doit


def _in_words(error: Exception, command: str) -> str:
    """What to tell where doit would show a traceback or an object; "" where that is well."""
    if isinstance(error, CmdParseError):
        return _no_option(error, command)  # guard: no-such-option
    if isinstance(error, (InvalidDodoFile, InvalidTask)):
        return ""
    frame = _raiser(error)
    if frame.f_code is loader.get_module.__code__:
        return _no_module(frame)  # guard: no-such-module
    is_of_records = isinstance(error, _NO_RECORDS) or type(error).__module__ == "sqlite3"
    if is_of_records and frame.f_globals.get("__name__") == dependency.__name__:
        return _no_records(error, frame)  # guard: no-such-records
    # What was raised in a dodo.py, say, its author has to find.
    if isinstance(error, OSError) and raised_by(error) in _OURS:
        from provisioning.plugin.ownership import said  # noqa: PLC0415 - no project may be there

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


_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,9})([KMG]?)")


def size_text(size: int) -> str:
    """A size in bytes for people, as in `1.5M`."""
    for unit, one in reversed(_UNITS.items()):
        if size >= one > 1:
            return f"{size / one:.1f}{unit}"
    return count_text(size, "byte")


def parse_size(text: str) -> int | None:
    """The bytes of a size written as in 500M or 2G; None where it is no size."""
    match = _SIZE.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def count_text(number: int, noun: str) -> str:
    """Some of what a noun names."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_HELP = {
    "name": "help",
    "long": "help",
    "type": bool,
    "default": False,
    "help": "print this",
}


class PluginCommand(Told):
    """A command that takes options after words too, tells its --help, and complains in JSON."""

    trouble = FAULTS
    """The exit code for whatever hinders."""

    def get_options(self) -> list[CmdOption]:
        """The options of the command, and --help."""
        return [*super().get_options(), CmdOption(_HELP)]

    def parse_execute(self, in_args: Sequence[str]) -> int:
        """Run with these words and options, and return the exit code."""
        options: list[str] = []
        try:
            options, words = self._sorted(in_args)
            if "--help" in options:
                return answer(self.help() + "\n")
            status: int = super().parse_execute([*options, "--", *words])
        except (CmdParseError, InvalidCommand, InvalidDodoFile, ProvisioningError) as error:
            return self._complain(error, as_json="--json" in options)
        return status

    def _sorted(self, in_args: Sequence[str]) -> tuple[list[str], list[str]]:
        """Options and words: doit itself stops at the first word."""
        parser = self.cmdparser
        try:
            found, words = gnu_getopt([*in_args], parser.get_short(), parser.get_long())
        except GetoptError as error:
            about = f"`doit help {self.name}` tells the options"
            raise InvalidCommand(f"{error}; {about}") from None
        options = []
        for name, value in found:
            is_flag = parser.get_option(name)[0].type is bool
            options += [name] if is_flag else [name, value]
        return options, words

    def _complain(self, error: Exception, *, as_json: bool) -> int:
        # Imported here: doit imports all commands to tell of them, as in `doit help`.
        from provisioning.spec.diagnostics import SpecError, error_text  # noqa: PLC0415

        cause = error.__cause__ if isinstance(error, InvalidDodoFile) else None
        fault = cause if isinstance(cause, ProvisioningError) else error
        if as_json:
            document = fault.as_json() if isinstance(fault, SpecError) else {"error": str(fault)}
            answer_json(document)
        elif isinstance(error, SpecError):
            print(error_text(error, sys.stderr), file=sys.stderr)
        else:
            complain(str(error))
        return self.trouble


class ProjectCommand(PluginCommand):
    """A command that needs to know what there is to build, and builds nothing."""

    def __init__(self, task_loader: Any, **others: Any) -> None:
        """`task_loader` is doit's, which finds the dodo.py; it brings options of its own."""
        super().__init__(**others)
        self._loader = task_loader

    def get_options(self) -> list[CmdOption]:
        """The options of doit's loader (`--file`, `--dir`), and those of the command."""
        return [*map(CmdOption, self._loader.cmd_options), *super().get_options()]

    def _execute(self) -> None:
        """What doit's own commands do with tasks: here it is settled who makes what, only."""

    def inputs(self, parameters: Any) -> Inputs:
        """What the specs of the project are made from; its directory is the working directory.

        Raises:
            ProvisioningError: nothing could be built from them; a `SpecError` for faults in them.
            InvalidCommand: the dodo.py builds no packages.
        """
        # Imported here: doit imports all commands to tell of them, as in `doit help`.
        from provisioning.plugin.task_graph import made_from  # noqa: PLC0415

        self._loader.setup(parameters)
        self._loader.load_doit_config()
        try:
            self.task_list = self._loader.load_tasks(cmd=self, pos_args=[])
            self._execute()
        except InvalidDodoFile as error:
            if isinstance(error.__cause__, ProvisioningError):
                raise error.__cause__ from None
            raise
        if not made_from:
            message = f"no packages are described here: {parameters['dodoFile']} does not use"
            raise InvalidCommand(f"{message} `tasks()` of provisioning.plugin")
        return made_from[-1]


AS_JSON = {
    "name": "as_json",
    "long": "json",
    "type": bool,
    "default": False,
    "help": "print one JSON document",
}
"""The option of every command that has an answer for machines."""


def answer_json(document: Any) -> int:
    """Print `document` as JSON, and return the exit code."""
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    # Bytes that are no UTF-8 as JSON spells them, which is not how people are shown them.
    return answer(text.encode(errors="backslashreplace").decode())


def answer(text: str) -> int:
    """Print `text`, and return the exit code."""
    sys.stdout.write(text)
    if told := unheard(sys.stdout, "standard output"):
        raise InvalidCommand(told)
    return GOOD
