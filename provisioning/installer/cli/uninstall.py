"""Knows the command that removes a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.model.placement import CURRENT, PREVIOUS, RELEASES
from provisioning.errors import RefusedError
from provisioning.installer.cli.arguments import (
    GOOD,
    Answer,
    add_name,
    add_output,
    add_root,
    not_installed,
    place_of,
    root_of,
)
from provisioning.installer.cli.report import planned, removed
from provisioning.installer.ops import journal, removal
from provisioning.installer.ops.install_plan import InstallPlan, goes, spared, stays
from provisioning.installer.ops.installation import begin
from provisioning.installer.ops.journal import REMOVE, REMOVED, left
from provisioning.installer.ops.session import to_change
from provisioning.installer.services import users
from provisioning.installer.store import footprint, releases
from provisioning.installer.store.configuration import NOTHING
from provisioning.installer.store.prefix import exists, looked_at, opened
from provisioning.installer.store.releases import left_at, prefix_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.console import Console
    from provisioning.installer.cli.arguments import Place
    from provisioning.installer.ops.install_plan import Stay
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

HELP = "remove a package; its configuration and data stay"
CHANGES = True


def declare(parser: ArgumentParser) -> None:
    """Say what the command can be told."""
    add_name(parser)
    parser.add_argument(
        "--purge", action="store_true", help="remove the configuration and data it has made, too"
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, only")
    add_root(parser)
    add_output(parser)


def run(options: Namespace, console: Console) -> Answer:
    """Remove, and tell what."""
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
        if ends and not _is_anything(home, purge=options.purge):
            return _ended(options, console)
        plan = _planned(home, options)
        if plan.old:
            stuck = removal.carry_out(begin(home, plan, console))
        else:
            stuck = removal.clear(home, purge=plan.purge)
        if plan.old and not plan.purge:  # a hook may have seen to some of it
            plan = plan._replace(stays=stays(home, plan.old))
        return removed(plan, stuck, home, console)


def _is_gone(options: Namespace) -> bool:
    """Tell whether somebody was killed who had removed all, but for what remembers the place."""
    name, root = options.name or "", root_of(options)
    if name.startswith("/"):
        root, prefix = place_of(options)
    else:
        prefix = prefix_of(root, name) or left_at(root, name)
    ends = options.purge and not options.dry_run and prefix and not exists(root, prefix)
    return bool(ends and releases.forget(root, prefix))


def _ends(place: Place, options: Namespace) -> bool:
    """Tell whether somebody was killed who removed the package: to end that is what was asked."""
    with looked_at(*place) as home:
        if journal.is_of_removal(home) or footprint.is_new(home):  # guard: removal-or-new
            return True
    return options.purge and bool(left_at(place.root, options.name or ""))


def _ended(options: Namespace, console: Console) -> Answer:
    console.say(f"{options.name or 'it'}: nothing is left")
    return Answer(GOOD, {"action": REMOVE, "warnings": console.warnings})


def _is_anything(home: Home, *, purge: bool) -> bool:
    """Tell whether there is anything to remove."""
    places = (journal.HISTORY, REMOVED) if purge else ()
    # A directory of releases without one is what a removal has left that could not finish.
    return bool(releases.at(home, CURRENT)) or any(map(home.directory.status, (RELEASES, *places)))


def _planned(home: Home, options: Namespace) -> InstallPlan:
    current, purge = releases.at(home, CURRENT), options.purge
    if not _is_anything(home, purge=purge):
        by_name = options.name and not options.name.startswith("/")
        raise (
            not_installed(options.name)
            if by_name
            else RefusedError(f"{home.path}: nothing is installed")
        )
    old = releases.read(home, current) if current else None
    about = old or left(home)
    return InstallPlan(
        REMOVE,
        old,
        None,
        releases.at(home, PREVIOUS),
        NOTHING,
        about.package if about else None,
        users=tuple(users.noted(home)) if purge else (),
        purge=purge,
        stays=_stays(home, about, purge=purge),
        doomed=tuple(releases.names(home)),
        goes=goes(home, about) if purge else (),
    )


def _stays(home: Home, about: Release | None, *, purge: bool) -> tuple[Stay, ...]:
    if about is None:
        return ()
    return spared(home, about) if purge else stays(home, about)
