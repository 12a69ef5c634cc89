"""Knows the command that goes back to a release that lies in the prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.installer.cli.arguments import (
    add_name,
    add_output,
    add_root,
    own_place,
    place_of,
    root_of,
    some_word,
)
from provisioning.installer.cli.report import changed, planned
from provisioning.installer.ops import transaction
from provisioning.installer.ops.installation import begin
from provisioning.installer.ops.installation import planned_rollback as plan_of
from provisioning.installer.ops.session import to_change
from provisioning.installer.store.prefix import opened
from provisioning.installer.store.releases import prefix_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.console import Console
    from provisioning.installer.cli.arguments import Answer

HELP = "go back to the release before, or to another that is still there"
CHANGES = True


def declare(parser: ArgumentParser) -> None:
    """Say what the command can be told."""
    add_name(parser)
    parser.add_argument(
        "version",
        type=some_word,
        nargs="?",
        default=None,
        metavar="VERSION",
        help="instead of the one before",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, only")
    add_root(parser)
    add_output(parser)


def run(options: Namespace, console: Console) -> Answer:
    """Go back, and tell to what."""
    if _is_version(options):
        options.name, options.version = None, options.name
    place = place_of(options)
    if options.dry_run:
        with opened(*place) as home:
            return planned(plan_of(home, options.version or ""), home, console)
    with to_change(*place, console) as home:
        plan = plan_of(home, options.version or "")
        transaction.carry_out(begin(home, plan, console), plan.kept)
        return changed(plan, home, console)


def _is_version(options: Namespace) -> bool:
    """Whether the only word is a version: that of a tool that knows its package needs no name."""
    word = options.name
    if options.version or not word or word.startswith("/") or not own_place():
        return False
    return not prefix_of(root_of(options), word)
