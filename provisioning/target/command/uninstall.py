"""Knows the command that removes a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.installed import CURRENT, PREVIOUS
from provisioning.errors import RefusedError
from provisioning.target import registry, releases, removal
from provisioning.target.command.asked import add_name, add_output, add_root, place_of
from provisioning.target.command.changed import changed, planned
from provisioning.target.configuration import NOTHING
from provisioning.target.home import opened
from provisioning.target.install import begin
from provisioning.target.opening import to_change
from provisioning.target.plan import Plan
from provisioning.target.record import REMOVE
from provisioning.target.staying import stays

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.target.command.answer import Answer
    from provisioning.target.home import Home
    from provisioning.target.telling import Telling

HELP = "remove a package; its configuration and data stay"
CHANGES = True


def declare(parser: ArgumentParser) -> None:
    """Say what the command can be told."""
    add_name(parser)
    parser.add_argument("--purge", action="store_true", help="remove configuration and data too")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, only")
    add_root(parser)
    add_output(parser)


def run(options: Namespace, telling: Telling) -> Answer:
    """Remove, and tell what."""
    place = place_of(options)
    if options.dry_run:
        with opened(*place) as home:
            return planned(_planned(home, options), home, telling)
    with to_change(*place, telling) as home:
        if not releases.at(home, CURRENT):
            registry.strike(home)  # somebody was killed just before
        plan = _planned(home, options)
        removal.carry_out(begin(home, plan, telling))
        if plan.old and not plan.purge:  # a hook may have seen to some of it
            plan = plan._replace(stays=stays(home, plan.old))
        return changed(plan, home, telling)


def _planned(home: Home, options: Namespace) -> Plan:
    current, removed = releases.at(home, CURRENT), removal.left(home)
    if not current and options.purge and removed:
        return Plan(REMOVE, None, None, "", NOTHING, removed.package, purge=True)
    if not current:
        raise RefusedError(f"{home.path}: nothing is installed")
    old = releases.read(home, current)
    previous = releases.at(home, PREVIOUS)
    left = () if options.purge else stays(home, old)
    return Plan(REMOVE, old, None, previous, NOTHING, old.package, purge=options.purge, stays=left)
