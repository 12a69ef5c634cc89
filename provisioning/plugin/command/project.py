"""Knows how a command gets at the project, as its dodo.py describes it, and how it answers."""

from __future__ import annotations

import json
import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from doit.cmd_base import Command
from doit.cmdparse import CmdOption
from doit.exceptions import InvalidCommand, InvalidDodoFile

from provisioning.errors import ProvisioningError

if TYPE_CHECKING:
    from provisioning.spec.inputs import Inputs

GOOD, FAULTS = 0, 3
"""Exit codes: the second is doit's own for whatever is wrong before a task runs."""


class ProjectCommand(Command):  # type: ignore[misc]  # doit has no type hints
    """A command that needs to know what there is to build, and builds nothing."""

    def __init__(self, task_loader: Any, **others: Any) -> None:
        """`task_loader` is doit's, which finds the dodo.py; it brings options of its own."""
        super().__init__(**others)
        self._loader = task_loader

    def get_options(self) -> list[CmdOption]:
        """The options of doit's loader (`--file`, `--dir`), and those of the command."""
        return [CmdOption(option) for option in (*self._loader.cmd_options, *self.cmd_options)]

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
            self._loader.load_tasks(cmd=self, pos_args=[])
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
    return answer(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def answer(text: str) -> int:
    """Print `text`, and return the exit code."""
    if isinstance(sys.stdout, TextIOWrapper):  # paths may not be spelt in the locale's characters
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at exit, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # whose reader has just seen enough
            return GOOD
        raise InvalidCommand(f"standard output: {error.strerror}") from None
    return GOOD
