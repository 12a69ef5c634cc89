"""The command that removes a package: uninstall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.model.placement import CURRENT
from provisioning.errors import RefusedError
from provisioning.installer.cli.arguments import (
    GOOD,
    Answer,
    Command,
    add_dry_run,
    not_installed,
    place_of,
    root_of,
)
from provisioning.installer.cli.report import planned, removed
from provisioning.installer.ops import journal, removal
from provisioning.installer.ops.install_plan import is_anything, plan_removal, stays
from provisioning.installer.ops.journal import REMOVE
from provisioning.installer.ops.session import to_change
from provisioning.installer.store import footprint, releases
from provisioning.installer.store.prefix import exists, looked_at, opened
from provisioning.installer.store.releases import left_at, prefix_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.console import Console
    from provisioning.installer.cli.arguments import Place
    from provisioning.installer.ops.install_plan import InstallPlan
    from provisioning.installer.store.prefix import Home


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--purge", action="store_true", help="also remove the configuration and data it created"
    )
    add_dry_run(parser)


def _uninstall(options: Namespace, console: Console) -> Answer:
    """Remove a package, and print what was removed."""
    if _is_gone(options):
        return _ended(options, console)
    place = place_of(options, left=True)
    if options.dry_run:
        with opened(*place) as home:
            return planned(_planned(home, options), home, console)
    ends = _ends(place, options)
    with to_change(*place, console) as home:
        if not releases.at(home, CURRENT):
            console.warn(releases.strike(home))  # which may have failed before
        if ends and not is_anything(home, purge=options.purge):
            return _ended(options, console)
        plan = _planned(home, options)
        stuck = removal.remove(home, plan, console)
        if plan.old and not plan.purge:  # a hook may have removed some of it
            plan = plan._replace(stays=stays(home, plan.old))
        return removed(plan, stuck, home, console)


def _planned(home: Home, options: Namespace) -> InstallPlan:
    if not is_anything(home, purge=options.purge):
        by_name = options.name and not options.name.startswith("/")
        raise (
            not_installed(options.name)
            if by_name
            else RefusedError(f"{home.path}: nothing is installed")
        )
    return plan_removal(home, purge=options.purge)


def _is_gone(options: Namespace) -> bool:
    """Whether a run that was killed had removed all but the registry's entry; removes that."""
    name, root = options.name or "", root_of(options)
    if name.startswith("/"):
        root, prefix = place_of(options)
    else:
        prefix = prefix_of(root, name) or left_at(root, name)
    ends = options.purge and not options.dry_run and prefix and not exists(root, prefix)
    return bool(ends and releases.forget(root, prefix))


def _ends(place: Place, options: Namespace) -> bool:
    """Whether a run that was killed was removing the package: to end that is what was asked."""
    with looked_at(*place) as home:
        if journal.is_of_removal(home) or footprint.is_new(home):  # guard: removal-or-new
            return True
    return options.purge and bool(left_at(place.root, options.name or ""))


def _ended(options: Namespace, console: Console) -> Answer:
    console.say(f"{options.name or 'it'}: nothing is left")
    return Answer(GOOD, {"action": REMOVE, "warnings": console.warnings})


COMMANDS = {
    "uninstall": Command(
        "remove a package; its configuration and data stay",
        _uninstall,
        _add_arguments,
        takes_name=True,
    )
}
