"""The commands that change which release is current: install and rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.errors import TargetError
from provisioning.installer.cli.arguments import (
    Command,
    add_dry_run,
    own_place,
    own_tree,
    place_of,
    root_of,
    some_path,
    some_word,
)
from provisioning.installer.cli.report import changed, planned, unchanged
from provisioning.installer.ops import journal
from provisioning.installer.ops.install_plan import plan_install, plan_rollback, release_of
from provisioning.installer.ops.installation import install
from provisioning.installer.ops.session import to_change
from provisioning.installer.services import lifecycle
from provisioning.installer.store import stage
from provisioning.installer.store.prefix import SYSTEM, exists, looked_at, opened
from provisioning.installer.store.releases import prefix_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.console import Console
    from provisioning.installer.cli.arguments import Answer


def _add_install_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source",
        nargs="?",
        type=some_path,
        default=own_tree(),
        metavar="ARTIFACT|DIR",
        help="an archive (as NAME-VERSION-PLATFORM.tar.gz), or an unpacked package",
    )
    parser.add_argument(
        "--allow-downgrade",
        action="store_true",
        help="install an older version than the one that is installed",
    )
    add_dry_run(parser)


def _install(options: Namespace, console: Console) -> Answer:
    """Install a package, and print what was done."""
    if options.source is None:
        raise TargetError("which package? give an archive, or an unpacked package")
    with stage.opened(options.source) as source:
        root = root_of(options)
        new = release_of(source, strict=root == SYSTEM)
        prefix, downgrade = new.package.prefix, options.allow_downgrade
        # Where there is nothing, first without a lock: it would be a trace of what is refused.
        if options.dry_run or not exists(root, prefix):
            with looked_at(root, prefix) as home:
                plan = plan_install(home, new, downgrade=downgrade)
                console.warn(journal.doubt(home, new.package.name) if options.dry_run else "")
            if options.dry_run:
                return planned(plan, home, console)
        with to_change(root, prefix, console, make=True) as home:
            if lifecycle.make_users(home, new.package):  # whose numbers nobody knew before
                new = release_of(source, strict=True)
            plan = plan_install(home, new, downgrade=downgrade)
            if plan is None:
                return unchanged(new.package, home, console)
            console.warn(journal.doubt(home, new.package.name))
            install(home, plan, console, source)
            return changed(plan, home, console)


def _add_rollback_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "version",
        type=some_word,
        nargs="?",
        default=None,
        metavar="VERSION",
        help="the version to go back to; default: the previous one",
    )
    add_dry_run(parser)


def _rollback(options: Namespace, console: Console) -> Answer:
    """Go back to another release, and print what was done."""
    if _is_version(options):
        options.name, options.version = None, options.name
    place = place_of(options)
    if options.dry_run:
        with opened(*place) as home:
            return planned(plan_rollback(home, options.version or ""), home, console)
    with to_change(*place, console) as home:
        plan = plan_rollback(home, options.version or "")
        install(home, plan, console)
        return changed(plan, home, console)


def _is_version(options: Namespace) -> bool:
    """Whether the only word is a version: a tool that belongs to a package needs no name."""
    word = options.name
    if options.version or not word or word.startswith("/") or not own_place():
        return False
    return not prefix_of(root_of(options), word)


COMMANDS = {
    "install": Command(
        "install a package, or another release of it", _install, _add_install_arguments
    ),
    "rollback": Command(
        "go back to the previous release, or to another one that is still there",
        _rollback,
        _add_rollback_arguments,
        takes_name=True,
    ),
}
