"""The commands that tidy up: gc removes old releases, recover ends an interrupted change."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from provisioning.errors import FailedError, TargetError
from provisioning.installer.cli.arguments import (
    GOOD,
    Answer,
    Command,
    Place,
    add_dry_run,
    place_of,
    root_of,
    some_word,
)
from provisioning.installer.ops import first_start
from provisioning.installer.ops.cleanup import KEEP, clean_up
from provisioning.installer.ops.session import to_change
from provisioning.installer.services import bytecode_cache
from provisioning.installer.store.prefix import opened

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.console import Console


def _add_gc_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--keep",
        type=_count,
        default=KEEP,
        metavar="N",
        help=f"keep the last N good releases ({KEEP}); current and previous are kept anyway",
    )
    add_dry_run(parser)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text} is not a number from 0")
    return int(text)


def _gc(options: Namespace, console: Console) -> Answer:
    """Remove the releases that are not needed, and print their names."""
    place = place_of(options, left=True)
    if options.dry_run:
        with opened(*place) as home:
            removed = clean_up(home, options.keep, dry_run=True)
    else:
        with to_change(*place, console) as home:
            removed = clean_up(home, options.keep)
    for name in removed:
        console.say(f"{name}: {'would be removed' if options.dry_run else 'removed'}")
    return Answer(GOOD, {"removed": removed, "dry_run": options.dry_run})


def _add_recover_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--prefix",
        type=some_word,
        metavar="PREFIX",
        help="the prefix where it is installed, instead of NAME",
    )


def _recover(options: Namespace, console: Console) -> Answer:
    """Finish or undo what was interrupted, as every command that changes something does first.

    This one also compiles what an installation could not.
    """
    if options.prefix and not os.path.isabs(options.prefix):
        raise TargetError(f"{options.prefix}: does not begin with a slash")
    named = options.prefix and Place(root_of(options), options.prefix)
    with to_change(*(named or place_of(options, left=True)), console) as home:
        bytecode_cache.catch_up(home, console)
        awaited = first_start.awaited(home)
    if awaited and awaited.reason:
        raise FailedError(f"{awaited.name}: its first start has not ended")
    return Answer(GOOD, {"done": console.steps, "warnings": console.warnings})


COMMANDS = {
    "gc": Command(
        "remove releases that are no longer needed", _gc, _add_gc_arguments, takes_name=True
    ),
    "recover": Command(
        "finish or undo an interrupted change", _recover, _add_recover_arguments, takes_name=True
    ),
}
