"""Knows how a command is asked, gets at the project, and answers: that is the same for all."""

from __future__ import annotations

import json
import sys
from getopt import GetoptError, gnu_getopt
from typing import TYPE_CHECKING, Any

from doit.cmdparse import CmdOption, CmdParseError
from doit.exceptions import InvalidCommand, InvalidDodoFile

from provisioning.errors import ProvisioningError
from provisioning.plugin.command.told import FAULTS, GOOD, Told, complain, unheard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.spec.inputs import Inputs

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
        from provisioning.spec.fault import SpecError, told  # noqa: PLC0415

        cause = error.__cause__ if isinstance(error, InvalidDodoFile) else None
        fault = cause if isinstance(cause, ProvisioningError) else error
        if as_json:
            document = fault.as_json() if isinstance(fault, SpecError) else {"error": str(fault)}
            answer_json(document)
        elif isinstance(error, SpecError):
            print(told(error, sys.stderr), file=sys.stderr)
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
        from provisioning.plugin.graph import made_from  # noqa: PLC0415

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
