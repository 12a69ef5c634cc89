"""The program `provision`, where the whole distribution is installed.

It has the commands of the target, which are `provisioning.installer`'s, and those for a project,
made the way doit documents for programs built on it: own commands, doit's loader and configuration.
On a target there is the first half alone.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from configparser import Error as ConfigError
from getopt import GetoptError, getopt
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "init": "init:Init",
    "spec": "spec:Spec",
    "show": "show:Show",
    "audit": "audit:Audit",
    "explain": "explain:Explain",
    "report": "report_page:Report",
    "diff": "diff:Diff",
    "rehearse": "rehearse:Rehearse",
    "watch": "watch:Watch",
    "wheels": "wheels:Wheels",
    "prune": "maintenance:Prune",
    "dumpdb": "maintenance:DumpDB",
    "install": "install:Install",
}
"""The commands of a project, each with its module of commands/ and its class."""
_SHARED = "install"
"""The one that the target has, too: its argument tells which is meant."""
_VARIANT = re.compile(r"[\w.+~-]+:[\w.+~-]+")
_WRONG_CONFIGURATION = 3
_NOTHING_HERE = (
    "nothing is set up here; `provision init` writes a dodo.py, and a spec of what is there"
)


def main() -> int:
    """Run the command that was asked for, and return its exit code."""
    # Until it has begun, Ctrl-C ends it at once, as it ends any program: Python would print a
    # traceback of its imports.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    words = _command_first(sys.argv[1:])
    if words and words[0] in COMMANDS and (words[0] != _SHARED or _names_a_variant(words)):
        return _run(words)
    from provisioning.installer.cli import command_line  # noqa: PLC0415 - each half for itself

    if not words:
        if not os.path.exists("dodo.py") and not os.path.isdir("specs"):
            print(_NOTHING_HERE, file=sys.stderr)
        return command_line.main(["--help"], further=_declare)
    return command_line.main(further=_declare)


def _command_first(words: list[str]) -> list[str]:
    """The words with doit's options for the dodo.py behind the command: they may precede it."""
    try:
        found, rest = getopt(words, "f:d:k", ["file=", "dir=", "seek-file"])
    except GetoptError:
        return words
    return [*rest[:1], *words[: len(words) - len(rest)], *rest[1:]] if found else words


def _names_a_variant(words: Sequence[str]) -> bool:
    """Whether one of the words is NAME:PLATFORM, and not an artifact of such a name."""
    return any(_VARIANT.fullmatch(word) and not os.path.lexists(word) for word in words[1:])


def _run(words: Sequence[str]) -> int:
    from doit.doit_cmd import DoitMain  # noqa: PLC0415 - what no command of the target needs
    from doit.plugin import PluginDict, PluginEntry  # noqa: PLC0415 - as above

    class Provision(DoitMain):  # type: ignore[misc]  # doit has no type hints
        """doit with these commands alone, whatever a project or a distribution adds to it."""

        BIN_NAME = "provision"

        def get_cmds(self) -> PluginDict:
            commands = PluginDict()
            for name in COMMANDS:
                commands[name] = PluginEntry("COMMAND", name, _location(name))
            return commands

    if "" in words:
        print("ERROR: one of the arguments is empty", file=sys.stderr)
        return _WRONG_CONFIGURATION
    try:
        program = Provision()
    except (ValueError, ConfigError, AssertionError) as error:
        print(f"ERROR: pyproject.toml or doit.cfg: {error}", file=sys.stderr)
        return _WRONG_CONFIGURATION
    status: int = program.run(words)
    return status


def _location(name: str) -> str:
    return f"provisioning.plugin.commands.{COMMANDS[name]}"


def _declare(commands: Any, doit: Any) -> str:
    """Declare the commands of a project for argparse, and doit's own; return the former's help."""
    from doit.cmd_base import DodoTaskLoader  # noqa: PLC0415 - for this alone

    lines = ["where packages are built, beside a dodo.py:"]
    for name in COMMANDS:
        module, _, kind = _location(name).partition(":")
        command = getattr(import_module(module), kind)(task_loader=DodoTaskLoader())
        purpose = command.doc_purpose
        called = f"{name} NAME:PLATFORM" if name == _SHARED else name
        lines.append(f"    {called:<23}{purpose}")
        if name == _SHARED:
            continue
        parser = commands.add_parser(
            name, description=f"{purpose[:1].upper()}{purpose[1:]}.", add_help=False
        )
        for option in command.get_options():
            _declare_option(parser, option)
        if command.doc_usage.rstrip(" .]").endswith(("PLATFORM", "TASK")):
            parser.add_argument("word", nargs="*", metavar="PACKAGE")
    _declare_doit(doit)
    return "\n".join(lines)


def _declare_doit(commands: Any) -> None:
    """For shells: doit's own completion proposes no NAME:PLATFORM at once, and knows no fish."""
    # As above: what only the help and completion need.
    from doit.cmd_base import DodoTaskLoader  # noqa: PLC0415
    from doit.doit_cmd import DoitMain  # noqa: PLC0415
    from doit.plugin import PluginDict  # noqa: PLC0415

    for kind in DoitMain.DOIT_CMDS:
        purpose = kind.doc_purpose
        parser = commands.add_parser(
            kind.get_name(), description=f"{purpose[:1].upper()}{purpose[1:]}.", add_help=False
        )
        for option in kind(task_loader=DodoTaskLoader(), cmds=PluginDict()).get_options():
            _declare_option(parser, option)
        if "TASK" in kind.doc_usage:
            parser.add_argument("word", nargs="*", metavar="TASK")


def _declare_option(parser: Any, option: Any) -> None:
    names = [f"-{option.short}"] * bool(option.short) + [f"--{option.long}"] * bool(option.long)
    if names:
        text = (option.help % {"default": option.default}).replace("\n", " ")
        how = {"action": "store_true"} if option.type is bool else {"metavar": "ARG"}
        parser.add_argument(*names, help=text.replace("%", "%%"), **how)


if __name__ == "__main__":
    sys.exit(main())
