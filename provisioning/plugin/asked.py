"""Knows what doit was asked for, which doit tells no task generator: it reads the command line."""

from __future__ import annotations

import sys
from functools import cache

from doit import doit_cmd
from doit.cmd_base import DodoTaskLoader
from doit.cmd_run import Run
from doit.cmdparse import CmdOption, CmdParse, CmdParseError


def given() -> dict[str, str]:
    """The `name=value` of the command line."""
    # doit tells them by name alone (doit.get_var), and a name that nobody knows must be told too.
    return doit_cmd._CMDLINE_VARS or {}  # noqa: SLF001


def runs(arguments: tuple[str, ...] | None = None) -> bool:
    """Whether tasks are to be run, and not listed, explained or forgotten."""
    return _named(arguments) is not None


def verifies_alone(arguments: tuple[str, ...] | None = None) -> bool:
    """Whether it is to verify and nothing else, as in `doit verify:greenhouse`.

    Then nothing may be built: to rebuild a damaged artifact and find it good would prove nothing.
    """
    named = _named(arguments)
    return bool(named) and all(word.split(":", maxsplit=1)[0] == "verify" for word in named or ())


@cache
def _named(arguments: tuple[str, ...] | None) -> list[str] | None:
    """The tasks named for `doit run`; None for another command. As doit.doit_cmd reads them."""
    written = sys.argv[1:] if arguments is None else arguments
    words = [word for word in written if word.startswith("-") or "=" not in word]
    if not words:
        return []
    try:
        of_loader = CmdParse([CmdOption(option) for option in DodoTaskLoader.cmd_options])
        _, after = of_loader.parse_only(words)
    except CmdParseError:
        after = words  # the options of a run, which need not be named
    if after and ":" not in after[0] and after[0] in _commands():
        words = after[1:]
        if after[0] != "run":
            return None
    try:
        _, named = Run(task_loader=DodoTaskLoader()).cmdparser.parse(words)
    except CmdParseError:
        return []  # doit says what is wrong
    return list(named)


@cache
def _commands() -> frozenset[str]:
    return frozenset(doit_cmd.DoitMain().get_cmds())
