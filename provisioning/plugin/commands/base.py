"""What the building commands of `provision` share, and how they write numbers and sizes.

doit finds them by name: a project can have one as a command of doit, too, by a line of its own
configuration (`[tool.doit.plugins.command]`, or `[COMMAND]` of doit.cfg).
"""

from __future__ import annotations

import json
import os
import re
import sys
from getopt import GetoptError, gnu_getopt
from typing import TYPE_CHECKING, Any

from doit.cmd_base import Command
from doit.cmdparse import CmdOption, CmdParseError
from doit.exceptions import InvalidCommand, InvalidDodoFile

from provisioning.builder.workspace.paths import ARTIFACTS
from provisioning.errors import ProvisioningError
from provisioning.plugin import doit_internals, process
from provisioning.plugin.doit_internals import FAULTS, GOOD, complain
from provisioning.spec.model.variant import matching, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.plan.plan import Plan
    from provisioning.builder.plan.variant_plan import VariantPlan
    from provisioning.spec.resolve.inputs import Inputs

_NO_DODO = "Could not find dodo file"  # as doit says it
_SET_UP = "`provision init` writes one, and a spec of what is there"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,9})([KMG]?)")


def size_text(size: int) -> str:
    """A size in bytes for people, as in `1.5M`."""
    for unit, one in reversed(_UNITS.items()):
        if size >= one > 1:
            return f"{size / one:.1f}{unit}"
    return count_text(size, "byte")


def parse_size(text: str) -> int | None:
    """The bytes of a size written as in 500M or 2G; None if it is not a size."""
    match = _SIZE.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def count_text(number: int, noun: str) -> str:
    """A number with its noun, as in `2 chunks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_HELP = {
    "name": "help",
    "long": "help",
    "type": bool,
    "default": False,
    "help": "print this",
}
AS_JSON = {
    "name": "as_json",
    "long": "json",
    "type": bool,
    "default": False,
    "help": "print one JSON document",
}
"""The option of every command that has an answer for machines."""


class ProjectCommand(Command):  # type: ignore[misc]  # doit has no type hints
    """A command about what a project builds: it builds nothing, and reports faults as text.

    It takes doit's options for the dodo.py (`--file`, `--dir`), options behind words too, and
    --help; with --json, errors are JSON as well.
    """

    trouble = FAULTS
    """The exit code for errors."""

    def __init__(self, **others: Any) -> None:
        """`task_loader` is doit's, which finds the dodo.py."""
        self._loader = others["task_loader"]
        self._loader.cmd_names = ()  # a task may be called as a command is
        self._digests: Digests | None = None
        try:
            super().__init__(**others)
            _ = self.cmdparser
        except CmdParseError as error:  # doit does not report what goes wrong here
            complain(f"in pyproject.toml or doit.cfg: {_without_classes(error)}")
            raise SystemExit(self.trouble) from error

    def get_options(self) -> list[CmdOption]:
        """The options of the command, those of doit's loader, and --help."""
        own: list[CmdOption] = super().get_options()
        known = {option.name for option in own}
        more = [*self._loader.cmd_options, _HELP]
        return [*own, *(CmdOption(each) for each in more if each["name"] not in known)]

    def parse_execute(self, in_args: Sequence[str]) -> int:
        """Run with these words and options, and return the exit code."""
        options: list[str] = []
        with process.prepared():
            try:
                options, words = self._sorted(in_args)
                if "--help" in options:
                    return answer(self.help() + "\n")
                with doit_internals.in_words():
                    status: int = super().parse_execute([*options, "--", *words]) or GOOD
            except (CmdParseError, InvalidCommand, InvalidDodoFile, ProvisioningError) as error:
                return self._complain(error, as_json="--json" in options)
            finally:
                if self._digests:
                    self._digests.save()
            return status

    def _sorted(self, in_args: Sequence[str]) -> tuple[list[str], list[str]]:
        """Options and words: doit itself stops at the first word."""
        parser = self.cmdparser
        try:
            found, words = gnu_getopt([*in_args], parser.get_short(), parser.get_long())
        except GetoptError as error:
            about = f"`{self.bin_name} {self.name} --help` lists the options"
            raise InvalidCommand(f"{error}; {about}") from None
        options = []
        for name, value in found:
            is_flag = parser.get_option(name)[0].type is bool
            options += [name] if is_flag else [name, value]
        return options, words

    def _complain(self, error: Exception, *, as_json: bool) -> int:
        # Imported here: doit imports all commands to list them, as in `doit help`.
        from provisioning.spec.diagnostics import SpecError, error_text  # noqa: PLC0415

        cause = error.__cause__ if isinstance(error, InvalidDodoFile) else None
        fault = cause if isinstance(cause, ProvisioningError) else error
        if as_json:
            document = fault.as_json() if isinstance(fault, SpecError) else {"error": str(fault)}
            answer_json(document)
        elif isinstance(error, SpecError):
            print(error_text(error, sys.stderr), file=sys.stderr)
        else:
            told = _without_classes(error) if isinstance(error, CmdParseError) else str(error)
            complain(f"{told.rstrip()}\n{_SET_UP}" if told.startswith(_NO_DODO) else told)
        return self.trouble

    def _execute(self, *_: Any) -> Any:
        """What doit's own commands do with tasks; here, only who makes what is settled."""

    def inputs(self, parameters: Any) -> Inputs:
        """What the specs of the project are made from; its directory is the working directory.

        Raises:
            ProvisioningError: nothing could be built from them; a `SpecError` for faults in them.
            InvalidCommand: the dodo.py builds no packages.
        """
        # Imported here: doit imports all commands to list them, as in `doit help`.
        from provisioning.plugin.task_graph import made_from  # noqa: PLC0415

        self.set_up(parameters)
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

    def set_up(self, parameters: Any) -> None:
        """Go to the directory of the dodo.py, and import it."""
        demand_importable(parameters)
        self._loader.setup(parameters)

    def parts(self, parameters: Any) -> Sequence[VariantPlan]:
        """What the project builds, each package for each platform. Raises as `inputs` does."""
        return self.plan(parameters).parts

    def plan(self, parameters: Any, *, anew: bool = False) -> Plan:
        """The same, with what specs are read from. Raises as `inputs` does.

        With `anew`, specs are read even if they are remembered: for the lines of all keys.
        """
        # Imported here, as above.
        from provisioning.builder.plan.plan import make_plan  # noqa: PLC0415
        from provisioning.plugin.database import digests_of  # noqa: PLC0415

        self._digests = digests_of(ARTIFACTS)
        return make_plan(self.inputs(parameters), self._digests, ARTIFACTS, anew=anew)


def named_parts(parts: Sequence[VariantPlan], words: Sequence[str]) -> list[VariantPlan]:
    """The parts whose variants the words name; all without words. Raises InvalidCommand."""
    variants = [part.variant for part in parts]
    for word in words:
        if not matching(variants, word):
            raise InvalidCommand(unknown(variants, word))
    named = [variant for word in words for variant in matching(variants, word)]
    return [part for part in parts if not words or part.variant in named]


def demand_importable(parameters: Any) -> None:
    """Raise InvalidCommand for a dodo file that Python cannot import because of its name."""
    file = parameters.get("dodoFile")
    stem, ending = os.path.splitext(os.path.basename(file or "dodo.py"))
    if (ending != ".py" or "." in stem) and os.path.exists(file):
        name = re.sub(r"\W", "_", stem)
        raise InvalidCommand(f"{file}: Python cannot import a file of that name; call it {name}.py")


_WRONG_VALUE = re.compile(r"Error parsing parameter '(\w+)' <class '\w+'>\.\n(.*)\n")


def _without_classes(error: CmdParseError) -> str:
    """What is wrong with an option, without the Python classes that doit names."""
    wrong = _WRONG_VALUE.fullmatch(str(error))
    return f"{wrong[1]}: {wrong[2]}" if wrong else str(error)


def answer_json(document: Any) -> int:
    """Print `document` as JSON, and return the exit code."""
    return answer(json_text(document))


def json_text(document: Any) -> str:
    """A document as JSON."""
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    # Bytes that are not UTF-8 as JSON escapes them, not as people are shown them.
    return text.encode(errors="backslashreplace").decode()


def answer(text: str) -> int:
    """Print `text`, and return the exit code; raises InvalidCommand where that is impossible."""
    sys.stdout.write(text)
    doit_internals.demand_written()
    return GOOD
