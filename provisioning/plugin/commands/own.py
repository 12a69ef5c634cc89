"""Knows doit's own commands as they are here: whatever goes wrong is told in words.

doit prints a traceback where its output cannot be written or was closed, where a word is no task,
or where a file must not be touched. It finds commands by their names, those of plugins too: these
are its own, under their names, and do what they do there. So nothing of doit is changed, and it is
so from the start, before a dodo.py is read; a project that builds no packages notices no more than
that.
"""

from __future__ import annotations

import dbm
import sys
from contextlib import contextmanager
from inspect import signature
from pprint import pformat
from typing import TYPE_CHECKING, Any

from doit import (
    cmd_clean,
    cmd_completion,
    cmd_dumpdb,
    cmd_forget,
    cmd_help,
    cmd_ignore,
    cmd_info,
    cmd_list,
    cmd_resetdep,
    cmd_run,
    cmd_strace,
)
from doit.cmd_base import check_tasks_exist, opt_backend
from doit.cmdparse import CmdOption
from doit.dependency import JSONCodec
from doit.exceptions import InvalidCommand, InvalidDodoFile

from provisioning import console
from provisioning.console import printable
from provisioning.plugin.commands.base import FAILED, GOOD, Told, complain, raised_by, unheard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO


class Run(Told, cmd_run.Run):  # type: ignore[misc]  # doit has no type hints
    """Goes on where what it says cannot be written, and ends where a worker was killed."""

    changes = True

    def _execute(self, outfile: Any, num_process: int, **others: Any) -> int:
        with _watched(num_process), _opened(outfile) as stream:
            status: int = super()._execute(stream, num_process=num_process, **others)
            if isinstance(outfile, str) and (told := unheard(stream, outfile)):
                complain(told)
            return status

    # doit asks for the names of its parameters.
    _execute.__signature__ = signature(cmd_run.Run._execute)  # type: ignore[attr-defined]  # noqa: SLF001


@contextmanager
def _opened(outfile: Any) -> Iterator[TextIO]:
    if isinstance(outfile, str):
        with open(outfile, "wb", buffering=0) as file:
            yield console.lasting(file.fileno())
    else:
        yield sys.stdout  # doit has taken the one that there was when it was imported


@contextmanager
def _watched(num_process: int) -> Iterator[None]:
    if num_process:
        # Imported here: a cost for `doit -n` alone.
        from provisioning.plugin.doit_internals import Workers  # noqa: PLC0415

        before, cmd_run.MRunner = cmd_run.MRunner, Workers  # doit knows no other way to choose it
        try:
            yield
        finally:
            cmd_run.MRunner = before
    else:
        yield


class Strace(Told, cmd_strace.Strace):  # type: ignore[misc]  # as above
    """As doit's."""

    changes = True


class Clean(Told, cmd_clean.Clean):  # type: ignore[misc]  # as above
    """Fails where something could not be removed."""

    changes = True

    def execute(self, params: Any, args: Sequence[str]) -> int:
        """Remove what there is, and return the exit code."""
        from provisioning.plugin import ownership  # noqa: PLC0415 - a cost for this alone

        status = super().execute(params, args) or GOOD
        return FAILED if ownership.failed else status


class _Recording(Told):
    """A command that is for the records alone."""

    changes = True

    def execute(self, params: Any, args: Sequence[str]) -> int:
        """Record it, and return the exit code."""
        status = super().execute(params, args) or GOOD
        failed = getattr(self.dep_manager.backend, "has_failed", False)  # doit's own ones raise
        return FAILED if failed else status


class Forget(_Recording, cmd_forget.Forget):  # type: ignore[misc]  # as above
    """Fails where nothing could be recorded."""


class Ignore(_Recording, cmd_ignore.Ignore):  # type: ignore[misc]  # as above
    """Fails where nothing could be recorded."""


class ResetDep(_Recording, cmd_resetdep.ResetDep):  # type: ignore[misc]  # as above
    """Fails where nothing could be recorded."""


class Help(Told, cmd_help.Help):  # type: ignore[misc]  # as above
    """As doit's."""


class TabCompletion(Told, cmd_completion.TabCompletion):  # type: ignore[misc]  # as above
    """As doit's."""


class List(Told, cmd_list.List):  # type: ignore[misc]  # as above
    """Says what is wrong with a --template."""

    def execute(self, params: Any, args: Sequence[str]) -> int:
        """List what there is, and return the exit code."""
        template = params["template"]
        try:
            (template or "").format(name="", doc="", status="")
        except (LookupError, ValueError, AttributeError, TypeError) as error:
            fields = "{name}, {doc} and {status} are what it may hold"
            raise InvalidCommand(f"--template {template}: {error}; {fields}") from error
        status: int = super().execute(params, args)
        return status


class Info(Told, cmd_info.Info):  # type: ignore[misc]  # as above
    """Says so where a word is no task."""

    def _execute(self, pos_args: Sequence[str], hide_status: bool) -> int:  # noqa: FBT001 - doit's way
        check_tasks_exist({task.name: task for task in self.task_list}, pos_args)
        status: int = super()._execute(pos_args, hide_status)
        return status


class DumpDB(Told, cmd_dumpdb.DumpDB):  # type: ignore[misc]  # as above
    """Prints the records of the project; doit's knows no project, and one kind of databases."""

    def __init__(self, task_loader: Any, **others: Any) -> None:
        """`task_loader` is doit's, which finds the dodo.py; it brings options of its own."""
        super().__init__(**others)
        self._loader = task_loader

    def get_options(self) -> list[CmdOption]:
        """The options of doit's, and those that say which project it is."""
        own = [*super().get_options(), CmdOption(opt_backend)]
        return [*own, *map(CmdOption, self._loader.cmd_options)]

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Print all records, and return the exit code."""
        # Imported here: what takes time would come before anybody minds an interruption.
        from provisioning.plugin.database import BACKEND, Database  # noqa: PLC0415

        try:
            self._loader.setup(opt_values)
        except InvalidDodoFile as error:
            if raised_by(error) != "doit":
                raise  # its dodo.py has
        else:
            opt_values.update_defaults(self._loader.load_doit_config())
        name = opt_values["dep_file"]
        if opt_values["backend"] == BACKEND:
            for task, record in Database(name, JSONCodec()).records().items():
                print(f"{printable(task)} -> {pformat(record, indent=4, width=100)}")
        elif not dbm.whichdb(name):
            raise InvalidCommand(f"{name}: is not there, or no database that this can read")
        else:
            super().execute(opt_values, pos_args)
        return GOOD
