"""Knows the command that finishes or undoes what was interrupted, as every other one does first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provisioning.errors import TargetError
from provisioning.installer.cli.arguments import (
    GOOD,
    Answer,
    Place,
    add_name,
    add_output,
    add_root,
    place_of,
    root_of,
    some_word,
)
from provisioning.installer.ops.session import to_change

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.console import Console

HELP = "finish or undo what was interrupted"
CHANGES = True


def declare(parser: ArgumentParser) -> None:
    """Say what the command can be told."""
    add_name(parser)
    parser.add_argument(
        "--prefix", type=some_word, metavar="PREFIX", help="instead of NAME: where it is installed"
    )
    add_root(parser)
    add_output(parser)


def run(options: Namespace, console: Console) -> Answer:
    """Recover, and tell what."""
    if options.prefix and not os.path.isabs(options.prefix):
        raise TargetError(f"{options.prefix}: does not begin with a slash")
    named = options.prefix and Place(root_of(options), options.prefix)
    with to_change(*(named or place_of(options, left=True)), console):
        pass
    return Answer(GOOD, {"done": console.steps, "warnings": console.warnings})
