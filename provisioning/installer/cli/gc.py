"""Knows the command that removes releases which are not needed any more."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from provisioning.installer.cli.arguments import (
    GOOD,
    Answer,
    add_name,
    add_output,
    add_root,
    place_of,
)
from provisioning.installer.ops.cleanup import KEEP, clean_up
from provisioning.installer.ops.session import to_change
from provisioning.installer.store.prefix import opened

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.console import Console

HELP = "remove the releases that are not needed any more"
CHANGES = True


def declare(parser: ArgumentParser) -> None:
    """Say what the command can be told."""
    add_name(parser)
    parser.add_argument(
        "--keep",
        type=_count,
        default=KEEP,
        metavar="N",
        help=f"keep the last N good releases ({KEEP}); current and previous are kept anyway",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, only")
    add_root(parser)
    add_output(parser)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text} is not a number from 0")
    return int(text)


def run(options: Namespace, console: Console) -> Answer:
    """Remove, and tell what."""
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
